# SPDX-License-Identifier: Apache-2.0
"""Whether a frame may be published: pure checks of a frame against the federation and a time.

Two steps. `check_authentic` asks whether every byte is what the caller signed: its answer never
changes. `check_admissible` asks whether the frame may be published now: its answer does, so a frame
that was stored before is looked up before it is believed. What depends on other frames is checked
by the store.
Source: design section 4, "Idempotency"; docs/protocol.md section 15.
"""

from broker.domain.limits import Settings
from broker.errors import BrokerError, Reason, over_limit
from broker.services.faults import refused
from broker.services.federation import Federation
from broker.services.signed_checks import (
    Cause,
    check_clock,
    check_key,
    check_keyset,
    keyset_of,
    stale,
)
from keys.checking import CheckedFrame, check_frame
from keys.envelope import (
    MAX_NOTICE_BYTES,
    MAX_NOTICES,
    MAX_RECIPIENTS,
    MAX_WRAP_BYTES,
    Frame,
    Statement,
)
from keys.errors import TrustError
from policy.decisions import Decision


def check_counts(recipients: int, wraps: int, notices: int) -> None:
    """Refuse a frame of too many parts or of none, before anything is made of them.

    Raises:
        BrokerError: LIMIT_EXCEEDED.
    """
    _check_within("recipients", MAX_RECIPIENTS, recipients)
    _check_within("wraps", MAX_RECIPIENTS, wraps)
    _check_within("notices", MAX_NOTICES, notices)


def check_limits(frame: Frame) -> None:
    """Refuse a frame that is too large or empty, before anything else is done with it.

    Raises:
        BrokerError: LIMIT_EXCEEDED.
    """
    check_counts(len(frame.recipients), len(frame.wraps), len(frame.notices))
    notices = sum(len(notice.header) + len(notice.body) for notice in frame.notices)
    _check_within("wrap_bytes", MAX_WRAP_BYTES, sum(map(len, frame.wraps)))
    _check_within("notice_bytes", MAX_NOTICE_BYTES, notices)


def _check_within(limit: str, allowed: int, got: int) -> None:
    if not 1 <= got <= allowed:
        raise over_limit(limit, allowed, got)


def check_authentic(frame: Frame, agency: str, federation: Federation) -> CheckedFrame:
    """Check that a frame is whole and wholly what `agency` signed for this federation.

    Raises:
        BrokerError: MALFORMED, NOT_ORIGINATOR, SIGNATURE_INVALID, STATEMENT_MISMATCH,
            WRONG_FEDERATION.
    """
    try:
        claimed = Statement.decode(frame.statement)
        keyset = keyset_of(federation, agency, claimed.originator, claimed.keyset_id)
        return check_frame(frame, keyset, federation.id)
    except TrustError as error:
        raise refused(error) from None


def check_admissible(
    checked: CheckedFrame, federation: Federation, settings: Settings, now: int
) -> None:
    """Check that a frame may be published now: clock, staleness, topic, rules, keys.

    Raises:
        BrokerError: CLOCK_SKEW, RESEAL_REQUIRED, TOPIC_UNKNOWN, DENIED.
    """
    statement = checked.statement
    check_clock(checked.header.created_at, settings, now)
    check_keyset(federation, statement.originator, statement.keyset_id, now)
    if not federation.had_directory(checked.header.directory):
        raise stale(Cause.DIRECTORY)
    if federation.directory.topic(checked.header.topic) is None:
        raise BrokerError(Reason.TOPIC_UNKNOWN, {"topic": checked.header.topic})
    _check_originator(checked, federation, now)
    _check_recipients(checked, federation, now)
    for recipient in checked.recipients:
        check_key(federation, recipient.agency, recipient.key_id, now)


def _check_originator(checked: CheckedFrame, federation: Federation, now: int) -> None:
    header, originator = checked.header, checked.statement.originator
    decision = federation.may_publish(header.marking, header.topic, originator, now)
    if decision.allow:
        return
    earlier = federation.may_publish(header.marking, header.topic, originator, header.created_at)
    raise _denied(checked, federation, originator, (decision, earlier))


def _check_recipients(checked: CheckedFrame, federation: Federation, now: int) -> None:
    header, originator = checked.header, checked.statement.originator
    recipients = [(one.agency, one.named) for one in checked.recipients]
    barred = next(federation.refused_recipients(header, originator, recipients, now), None)
    if barred is None:
        return
    agency, decision = barred
    recipient = agency, dict(recipients)[agency]
    earlier = federation.may_receive(header, originator, recipient, header.created_at)
    raise _denied(checked, federation, agency, (decision, earlier))


def _denied(
    checked: CheckedFrame,
    federation: Federation,
    agency: str,
    decisions: tuple[Decision, Decision],
) -> BrokerError:
    """Return the refusal of a denial: sealing anew may help where the rules or the time moved on.

    Args:
        checked: the frame.
        federation: in force.
        agency: about whom.
        decisions: now, and when the frame was made.
    """
    decision, earlier = decisions
    rules = ",".join(decision.determining)
    if earlier.allow or not federation.is_current(checked.header):
        return stale(Cause.POLICY, agency, rules=rules)
    return BrokerError(
        Reason.DENIED, {"agency": agency, "rules": rules}, detail="; ".join(decision.errors)
    )
