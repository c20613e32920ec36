# SPDX-License-Identifier: Apache-2.0
"""Vectors of what hr-ngo gets of the frame, in every form, and of the leaves that say so."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from keys.body import content_key
from keys.envelope import SealedNotice
from keys.framing import sha256, u8, u32
from keys.hpke import wrap_info
from keys.logleaf import Value
from keys.opening import DeliveredFrame
from tests.simulator.federation import delivery_of
from tests.vectors.cast import DAY, NOW, SEAL_KEY_ID, TOPIC, secret
from tests.vectors.federation import AT_SEALING
from tests.vectors.form import Json, Vector
from tests.vectors.log import SIZE, leaf_vector
from tests.vectors.sealing import CONTENTS, SEAL_KEY, Sealed, frame_inputs

AGENCY = "hr-ngo"
SEQUENCE = SIZE + 1
"""The frame's place in its topic."""
EXPIRED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """One delivery: what is in it, when it was decided, and its leaf."""

    name: str
    about: str
    delivered: DeliveredFrame
    reasons: tuple[int, ...]
    kind: str
    index: int
    time_ms: int

    @property
    def salt(self) -> bytes:
        return secret(f"salt {self.index}")

    def fields(self) -> dict[str, Value]:
        """Return what the leaf says."""
        delivered = self.delivered
        pairs = zip(delivered.withheld, self.reasons, strict=True)
        return {
            "recipient": AGENCY,
            "topic": TOPIC,
            "sequence": SEQUENCE,
            "statement": sha256(delivered.statement),
            "shown": b"".join(u32(one.index) for one in delivered.notices),
            "withheld": b"".join(u32(index) + u8(reason) for index, reason in pairs),
        }


def handed(sealed: Sealed) -> list[Handed]:
    """Return a delivery of each form."""
    whole = delivery_of(sealed.frame, AGENCY)
    part, none = delivery_of(sealed.frame, AGENCY, (1,)), delivery_of(sealed.frame, AGENCY, ())
    return [
        Handed(
            name="delivery",
            about="All that hr-ngo gets of the frame in frame.json.",
            delivered=whole,
            reasons=(),
            kind="deliver",
            index=SIZE + 1,
            time_ms=NOW + 1000,
        ),
        Handed(
            name="delivery-partial",
            about="Notice 1 with its path, when the other two have expired.",
            delivered=part,
            reasons=(EXPIRED, EXPIRED),
            kind="deliver",
            index=SIZE + 2,
            time_ms=NOW + 20 * DAY,
        ),
        Handed(
            name="delivery-stub",
            about="The same frame where the subscription's filter does not choose it.",
            delivered=replace(none, withheld=(), stub=True),
            reasons=(),
            kind="stub",
            index=SIZE + 3,
            time_ms=NOW + 21 * DAY,
        ),
        Handed(
            name="delivery-withheld",
            about="The same frame when all three notices have expired.",
            delivered=none,
            reasons=(EXPIRED,) * 3,
            kind="withhold",
            index=SIZE + 4,
            time_ms=NOW + 30 * DAY,
        ),
        Handed(
            name="delivery-by-id",
            about="Notice 1 as GetNotice hands it out, without a word about the others. On a "
            "stream this hides two notices, which must become a finding that names them.",
            delivered=replace(part, withheld=()),
            reasons=(),
            kind="fetch",
            index=SIZE + 5,
            time_ms=NOW + 22 * DAY,
        ),
    ]


def vectors(sealed: Sealed) -> list[Vector]:
    """Return the deliveries and their leaves, and the leaves of publication and of a refusal."""
    deliveries = handed(sealed)
    return [
        *(_delivery(sealed, one) for one in deliveries),
        leaf_vector(
            "log-leaf",
            "Leaf 7: the frame in frame.json was stored. Kind and time are in clear, each field "
            "is under HMAC with the leaf's salt.",
            kind="publish",
            time_ms=NOW + 500,
            fields={
                "originator": "gr-pol",
                "topic": TOPIC,
                "sequence": SEQUENCE,
                "statement": sha256(sealed.frame.statement),
            },
            salt=secret(f"salt {SIZE}"),
        ),
        *(
            leaf_vector(
                f"log-leaf-of-{one.name}",
                f"Leaf {one.index}, which says what {one.name}.json holds.",
                kind=one.kind,
                time_ms=one.time_ms,
                fields=one.fields(),
                salt=one.salt,
            )
            for one in deliveries
        ),
        _refusal(),
    ]


def _refusal() -> Vector:
    return leaf_vector(
        "log-leaf-refuse",
        "A subscription was refused: what does not apply is empty.",
        kind="refuse",
        time_ms=NOW + 23 * DAY,
        fields={
            "act": "subscribe",
            "agency": AGENCY,
            "reason": "TOPIC_UNKNOWN",
            "rules": "",
            "topic": "",
            "statement": b"",
            "count": 1,
        },
        salt=secret(f"salt {SIZE + 6}"),
    )


def delivery_inputs(sealed: Sealed) -> Json:
    """Return what every delivery to hr-ngo is checked and opened with."""
    return {
        **frame_inputs(sealed),
        "agency": AGENCY,
        "topic": TOPIC,
        "key_id": SEAL_KEY_ID,
        "decryption_seed": secret(f"{AGENCY} decryption"),
    }


def _delivery(sealed: Sealed, one: Handed) -> Vector:
    digest, held, delivered = sha256(sealed.frame.header), secret(SEAL_KEY), one.delivered
    named = {*(notice.index for notice in delivered.notices), *delivered.withheld}
    opening = {"info": wrap_info(digest, AGENCY, SEAL_KEY_ID), "seal_key": held}
    return Vector(
        name=one.name,
        about=one.about,
        section="8",
        inputs={
            **delivery_inputs(sealed),
            "directory_size": AT_SEALING,
            "now": one.time_ms,
            "sequence": SEQUENCE,
            "delivery": delivered,
            "withheld_reasons": one.reasons,
            "publish_log": _reference(SIZE, NOW + 500),
            "delivery_log": _reference(one.index, one.time_ms),
        },
        steps={
            **(opening if delivered.notices else {}),
            "leaf_hashes": [
                SealedNotice(header=notice.header, body=notice.body).leaf_hash
                for notice in delivered.notices
            ],
        },
        output={
            "opened": [
                {
                    "index": notice.index,
                    "content_key": content_key(held, digest, sha256(notice.header)),
                    "content": CONTENTS[notice.index],
                }
                for notice in delivered.notices
            ],
            "unaccounted": _others(named, len(sealed.frame.notices)),
        },
    )


def _others(named: Iterable[int], count: int) -> list[int]:
    return sorted({*range(count)} - {*named})


def _reference(index: int, time_ms: int) -> Json:
    return {"index": index, "salt": secret(f"salt {index}"), "time_ms": time_ms}
