# SPDX-License-Identifier: Apache-2.0
"""Asks for the two persons behind an act: one who wanted it, and a supervisor who agreed.

Each is known by an assertion of the agency on the connection; the directory says which key counts
and which roles the agency may assert. Who the persons are is the agency's business, and so is when
the second one agreed. Source: design section 5, "Officers"; docs/protocol.md section 22.
"""

from collections.abc import Sequence

from broker.errors import BrokerError, Reason
from broker.services.federation import Federation
from keys.framing import sha256
from officers.assertions import Assertion
from officers.errors import OfficerError
from officers.people import LIAISON, SUPERVISOR
from officers.replays import SeenAssertions
from officers.tokens import Expected, verify

PERSONS = 2
NOT_TWO = "not_two"
"""What is told where each assertion counts and the two are not two such persons."""


class Vouching:
    """Checks the assertions of one broker's callers."""

    def __init__(self) -> None:
        self._seen = SeenAssertions()

    def check_two(
        self,
        federation: Federation,
        *,
        agency: str,
        certificate: bytes,
        act: bytes,
        assertions: Sequence[str],
        now: int,
    ) -> None:
        """Refuse an act that two persons of `agency` do not stand behind.

        Args:
            federation: the directory in force.
            agency: who calls, from its certificate.
            certificate: SHA-256 of that certificate.
            act: its exact bytes.
            assertions: untrusted: one for each person.
            now: milliseconds since 1970.

        Raises:
            BrokerError: DENIED, with what is wrong with an assertion.
        """
        if len(assertions) != PERSONS:
            raise _refused(NOT_TWO, f"{len(assertions)} assertions")
        expected = self._expected(federation, agency, certificate, act)
        try:
            found = [verify(one, expected, self._seen, now) for one in assertions]
        except OfficerError as error:
            raise _refused(error.reason.value, error.detail) from None
        if not _are_two(*found):
            raise _refused(NOT_TWO, "no liaison officer and another supervisor")

    def _expected(
        self, federation: Federation, agency: str, certificate: bytes, act: bytes
    ) -> Expected:
        entry = federation.directory.agency(agency)
        return Expected(
            agency=agency,
            keys=entry.assertion_keys if entry else (),
            roles=entry.asserts_roles if entry else (),
            federation=federation.id,
            certificate=certificate,
            act=sha256(act),
        )


def _are_two(one: Assertion, other: Assertion) -> bool:
    """Whether they are two persons, of whom one is a liaison officer and the other a supervisor."""
    if one.subject == other.subject:
        return False
    return any(
        LIAISON in asked.roles and SUPERVISOR in agreed.roles
        for asked, agreed in ((one, other), (other, one))
    )


def _refused(why: str, detail: str) -> BrokerError:
    return BrokerError(Reason.DENIED, {"assertion": why}, detail=f"assertion {why}: {detail}")
