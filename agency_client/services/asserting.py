# SPDX-License-Identifier: Apache-2.0
"""Says to the broker, for five minutes, what we vouch for of an officer who acts.

Bound to the certificate that our gateway shows and to the exact act. Source: docs/protocol.md
section 22.
"""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agency_client.domain.people import OfficerRecord, TwoPersonAct
from agency_client.errors import AgencyError, Reason
from agency_client.ports.clock import Clock
from agency_client.services.directory import DirectoryService
from agency_client.services.officers import OfficerRegister
from officers.assertions import LIFETIME_MS, Assertion, new_assertion_id, whole_second
from officers.errors import OfficerError
from officers.tokens import issue


class Asserting:
    """Makes the assertions of one agency."""

    def __init__(
        self,
        *,
        key: Callable[[], tuple[str, Ed25519PrivateKey]],
        certificate: Callable[[], bytes],
        register: OfficerRegister,
        directory: DirectoryService,
        clock: Clock,
    ) -> None:
        """Remember what to assert with.

        Args:
            key: returns our assertion key as it is now: its id in the directory, its private half.
            certificate: returns the SHA-256 of the certificate that the gateway shows now.
            register: our officers.
            directory: of the federation that it is asserted in.
            clock: says when.
        """
        self._key = key
        self._certificate = certificate
        self._register = register
        self._directory = directory
        self._clock = clock

    def of_two(self, act: TwoPersonAct) -> tuple[str, str]:
        """Return an assertion of who asked for an approved act, and one of who approved it.

        Raises:
            AgencyError: OFFICER_UNKNOWN, one of them is not in the register; OFFICER_REFUSED, one
                of them cannot be vouched for.
        """
        requester, approver = map(self._register.by_pseudonym, (act.requester, act.approver))
        try:
            return self._assertion(requester, act), self._assertion(approver, act)
        except OfficerError as error:
            raise AgencyError(Reason.OFFICER_REFUSED, error.detail) from None

    def _assertion(self, record: OfficerRecord, act: TwoPersonAct) -> str:
        officer, now = record.officer, whole_second(self._clock.now_ms())
        assertion = Assertion(
            agency=officer.agency,
            subject=officer.pseudonym,
            roles=officer.roles,
            clearance=officer.clearance,
            vetted_until=whole_second(officer.vetted_until),
            purpose=act.purpose,
            case=act.case,
            federation=self._directory.current.id,
            certificate=self._certificate(),
            issued_at=now,
            expires_at=now + LIFETIME_MS,
            assertion_id=new_assertion_id(),
            act=act.digest,
        )
        return issue(assertion, *self._key())
