# SPDX-License-Identifier: Apache-2.0
"""Whether a frame may be published: pure checks of a frame against the federation and a time.

Two steps. `check_authentic` asks whether every byte is what the caller signed: its answer never
changes. `check_admissible` asks whether the frame may be published now: its answer does, so a frame
that was stored before is looked up before it is believed. What depends on other frames is checked
by the store.
Source: design section 4, "Idempotency"; docs/protocol.md section 15.
"""

from enum import StrEnum

from broker.domain.limits import Settings
from broker.errors import BrokerError, Reason, over_limit
from broker.services.faults import refused
from broker.services.federation import Federation
from keys.checking import CheckedFrame, check_frame
from keys.envelope import (
    MAX_NOTICE_BYTES,
    MAX_NOTICES,
    MAX_RECIPIENTS,
    MAX_WRAP_BYTES,
    Frame,
    Recipient,
    Statement,
)
from keys.errors import TrustError
from policy.decisions import Decision


class Cause(StrEnum):
    """Why a frame has to be sealed anew; stands in the metadata of RESEAL_REQUIRED."""

    KEYSET = "keyset"
    """The signing keyset has ended."""

    DIRECTORY = "directory"
    """The frame names a directory that never was."""

    POLICY = "policy"
    """The rules allowed it when it was sealed and do not now."""

    KEY = "key"
    """A recipient's encryption key is not one that may be sealed to."""


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
        if claimed.originator != agency:
            raise BrokerError(Reason.NOT_ORIGINATOR)
        keyset = federation.directory.keyset(agency, claimed.keyset_id)
        if keyset is None:
            raise BrokerError(Reason.SIGNATURE_INVALID, detail="the directory has no such keyset")
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
    _check_clock(checked.header.created_at, settings, now)
    _check_anchors(checked, federation, now)
    if federation.directory.topic(checked.header.topic) is None:
        raise BrokerError(Reason.TOPIC_UNKNOWN, {"topic": checked.header.topic})
    _check_originator(checked, federation, now)
    _check_recipients(checked, federation, now)
    for recipient in checked.recipients:
        _check_key(recipient, federation, now)


def _check_clock(created_at: int, settings: Settings, now: int) -> None:
    if not now - settings.frame_age_ms <= created_at <= now + settings.clock_ahead_ms:
        raise BrokerError(Reason.CLOCK_SKEW, detail=f"made at {created_at}, it is {now}")


def _check_anchors(checked: CheckedFrame, federation: Federation, now: int) -> None:
    """Refuse a keyset that has ended or was revoked since, and a directory that contradicts ours.

    A keyset counts at the place in the log where the frame is published, so that a stolen old key
    cannot date frames back.
    """
    statement = checked.statement
    directory, originator = federation.directory, statement.originator
    keyset = directory.keyset(originator, statement.keyset_id)
    revoked = directory.revoked_from(originator, "keyset", statement.keyset_id)
    if keyset is None or revoked is not None or not keyset.is_valid_at(now):
        raise _stale(Cause.KEYSET, originator)
    if not federation.had_directory(checked.header.directory):
        raise _stale(Cause.DIRECTORY)


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


def _check_key(recipient: Recipient, federation: Federation, now: int) -> None:
    directory = federation.directory
    entry = directory.agency(recipient.agency)
    keys = entry.encryption if entry else ()
    known = any(key.key_id == recipient.key_id and key.is_valid_at(now) for key in keys)
    revoked = directory.revoked_from(recipient.agency, "encryption", recipient.key_id)
    if not known or revoked is not None:
        raise _stale(Cause.KEY, recipient.agency)


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
        return _stale(Cause.POLICY, agency, rules=rules)
    return BrokerError(
        Reason.DENIED, {"agency": agency, "rules": rules}, detail="; ".join(decision.errors)
    )


def _stale(cause: Cause, agency: str = "", *, rules: str = "") -> BrokerError:
    named = {"agency": agency, "cause": cause.value, "rules": rules}
    return BrokerError(Reason.RESEAL_REQUIRED, {key: text for key, text in named.items() if text})
