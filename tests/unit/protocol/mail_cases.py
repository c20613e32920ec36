# SPDX-License-Identifier: Apache-2.0
"""Replays the cases of tests/vectors that are about mail, in the second implementation."""

from tests.unit.protocol import second_mail
from tests.unit.protocol.cases import Case, received, unhex


def granted(inputs: Case) -> tuple[int, bytes, bytes]:
    keyset = unhex(inputs["keyset"])
    return second_mail.open_granted(
        second_mail.Granted(**unhex(inputs["granted"])),
        received(inputs["delivery"]),
        grantor=unhex(inputs["grantor_keyset"]) if "grantor_keyset" in inputs else keyset,
        originator=keyset,
        federation=unhex(inputs["federation"]),
        agency=inputs["agency"],
        seed=unhex(inputs["decryption_seed"]),
    )


def recalled(inputs: Case) -> None:
    signed = unhex(inputs["signed"])
    keyset, federation = unhex(inputs["keyset"]), unhex(inputs["federation"])
    second_mail.check_recall(signed["recall"], signed["signature"], keyset, federation)


def posted(inputs: Case) -> bytes:
    return second_mail.open_letter(
        second_mail.Posted(**unhex(inputs["signed"])),
        keys=unhex(inputs["keyset"]),
        federation=unhex(inputs["federation"]),
        seed=unhex(inputs["decryption_seed"]),
    )
