# SPDX-License-Identifier: Apache-2.0
"""Deliveries to hr-ngo that must be refused, one failure each. Their signatures verify."""

from dataclasses import replace

from keys.envelope import Frame
from keys.errors import Reason
from keys.framing import sha256
from keys.opening import DeliveredFrame
from tests.simulator.federation import delivery_of
from tests.vectors import sealing
from tests.vectors.cast import secret
from tests.vectors.delivering import AGENCY, delivery_inputs
from tests.vectors.form import Json, Vector
from tests.vectors.refused_frames import Case, cases
from tests.vectors.sealing import CONTENTS, Sealed, record, sealed_notice, wrapped

Form = tuple[str, str, Reason, DeliveredFrame]


def vectors(sealed: Sealed) -> list[Vector]:
    """Return the refusals of deliveries."""
    return cases("delivery", "8", _inputs(sealed), _deliveries(sealed))


def _inputs(sealed: Sealed) -> Json:
    delivered = delivery_of(sealed.frame, AGENCY, (1,))
    return {**delivery_inputs(sealed), "delivery": delivered}


def _deliveries(sealed: Sealed) -> list[Case]:
    delivered = delivery_of(sealed.frame, AGENCY, (1,))
    nothing = delivery_of(sealed.frame, AGENCY, ())
    pathless = replace(delivered.notices[0], path=())
    repeated, malformed = Reason.REPEATED_ID, Reason.MALFORMED
    forms: list[Form] = [
        (
            "shown-and-withheld",
            "Notice 1 is delivered and said to be withheld.",
            repeated,
            replace(delivered, withheld=(0, 1, 2)),
        ),
        (
            "withheld-out-of-order",
            "The withheld indices do not ascend.",
            repeated,
            replace(delivered, withheld=(2, 0)),
        ),
        (
            "index-beyond",
            "An index that the frame does not have.",
            Reason.STATEMENT_MISMATCH,
            replace(delivered, withheld=(0, 3)),
        ),
        (
            "path-missing",
            "One notice of three without its path.",
            Reason.PROOF_INVALID,
            replace(delivered, notices=(pathless,)),
        ),
        (
            "wrong-place",
            "The recipient's place is not that of its path.",
            Reason.PROOF_INVALID,
            replace(delivered, recipient_index=2),
        ),
        (
            "of-another-recipient",
            "It was made for ro-pol.",
            Reason.NOT_A_RECIPIENT,
            delivery_of(sealed.frame, "ro-pol", (1,)),
        ),
        (
            "stub-with-notices",
            "A stub carries a notice.",
            malformed,
            replace(delivered, withheld=(), stub=True),
        ),
        (
            "stub-that-withholds",
            "A stub says that notices are withheld.",
            malformed,
            replace(nothing, stub=True),
        ),
        (
            "wrap-without-notices",
            "All is withheld and the wrap comes all the same.",
            malformed,
            replace(nothing, wrap=delivered.wrap),
        ),
        (
            "other-seal-key",
            "Signed, but the wrap holds another key than committed to.",
            Reason.COMMITMENT_MISMATCH,
            delivery_of(_sealed_to_another_key(sealed), AGENCY),
        ),
        (
            "one-body-under-another-key",
            "Signed, but one of two bodies does not open.",
            Reason.BODY_INVALID,
            delivery_of(_with_another_body(sealed), AGENCY),
        ),
    ]
    return [
        *((name, about, {"delivery": one}, reason) for name, about, reason, one in forms),
        (
            "wrong-topic",
            "It comes on another topic than the one subscribed to.",
            {"topic": "trafficking/online"},
            Reason.WRONG_TOPIC,
        ),
        (
            "wrap-of-another-key",
            "The decryption key is not the one sealed to.",
            {"decryption_seed": secret("ro-pol decryption")},
            Reason.WRAP_INVALID,
        ),
    ]


def _sealed_to_another_key(sealed: Sealed) -> Frame:
    cast, header = sealed.cast, sealed.frame.header
    wraps = {
        "gr-pol": sealed.frame.wraps[0],
        AGENCY: wrapped(cast, sha256(header), AGENCY, secret("another seal key")),
    }
    recipients = [(record(agency, wrap).encode(), wrap) for agency, wrap in wraps.items()]
    return sealing.signed_frame(cast, header, recipients, [sealed.frame.notices[0]])


def _with_another_body(sealed: Sealed) -> Frame:
    cast, frame = sealed.cast, sealed.frame
    recipients = list(zip(frame.recipients[:2], frame.wraps[:2], strict=True))
    header = sealing.notice_headers()[1].encode()
    other = sealed_notice(
        cast, sha256(frame.header), header, CONTENTS[1], secret("another seal key")
    )
    return sealing.signed_frame(cast, frame.header, recipients, [frame.notices[0], other])
