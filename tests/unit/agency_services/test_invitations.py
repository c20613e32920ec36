# SPDX-License-Identifier: Apache-2.0
"""An invitation holds for one agency, one federation and a time, or it is refused whole."""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from agency_client.errors import AgencyError, Reason
from agency_client.services.invitations import (
    MAX_VALID_MS,
    Invitation,
    check_invited,
    invite_text,
    read_invitation,
)
from agency_client.services.steward import BrokerDescriptor, Bundle, StewardKey, propose_root
from keys.errors import FramingError
from keys.framing import sha256
from keys.root import SignedRoot
from keys.signing import PAYLOAD_INVITATION
from tests.simulator.federation import DAY, NOW, build_federation


@pytest.fixture(scope="module")
def keys() -> tuple[StewardKey, ...]:
    return tuple(StewardKey.generate(name, NOW) for name in ("alpha", "beta", "gamma"))


def federation(keys: Sequence[StewardKey], name: str) -> Bundle:
    broker = build_federation().broker
    descriptor = BrokerDescriptor(
        log_origin=broker.origin, log_key=broker.log_key, tls_root=broker.tls_root.certificate
    )
    proposal = propose_root(
        name=name,
        stewards=[key.steward for key in keys],
        threshold=len(keys),
        broker=descriptor,
        now=NOW,
    )
    for key in keys:
        proposal = proposal.signed_by(key)
    assert isinstance(proposal.signed, SignedRoot)
    return Bundle.of([proposal.signed])


@pytest.fixture(scope="module")
def bundle(keys: Sequence[StewardKey]) -> Bundle:
    return federation(keys[:2], "Black Sea")


@pytest.fixture(scope="module")
def invitation(bundle: Bundle) -> Invitation:
    return Invitation(
        federation=bundle.directory.federation,
        agency="gr-pol",
        name="Police of Greece",
        broker="broker.example:7443",
        steward="alpha",
        issued_at=NOW,
        valid_until=NOW + 30 * DAY,
    )


@pytest.fixture(scope="module")
def text(bundle: Bundle, keys: Sequence[StewardKey], invitation: Invitation) -> str:
    return invite_text(bundle, keys[0], invitation)


def refused(text: str, now: int = NOW) -> str:
    with pytest.raises(AgencyError) as caught:
        read_invitation(text, now)
    assert caught.value.reason is Reason.INVITATION_INVALID
    return caught.value.message


def signed_anew(text: str, key: StewardKey, invitation: Invitation) -> str:
    """Return a file with another content, honestly signed by `key`."""
    signed = invitation.encode()
    return json.dumps(
        {
            **json.loads(text),
            "invitation": base64.b64encode(signed).decode(),
            "signature": base64.b64encode(key.signer.sign(PAYLOAD_INVITATION, signed)).decode(),
        }
    )


def test_an_invitation_reads_back_with_the_federation_it_is_to(
    text: str, bundle: Bundle, invitation: Invitation
) -> None:
    invited = read_invitation(text, NOW)
    assert invited.invitation == invitation
    assert invited.federation_name == "Black Sea"
    assert sha256(invited.first_root) == bundle.directory.federation


def test_an_invitation_that_was_accepted_in_time_is_read_later(text: str) -> None:
    assert read_invitation(text).invitation.agency == "gr-pol"


@pytest.mark.must("INV-1")
@pytest.mark.parametrize(
    "changed",
    [{"broker": "127.0.0.1:1"}, {"agency": "bg-pol"}, {"valid_until": NOW + 31 * DAY}],
    ids=str,
)
def test_a_changed_invitation_is_refused(
    text: str, invitation: Invitation, changed: dict[str, str | int]
) -> None:
    forged = replace(invitation, **changed)  # type: ignore[arg-type]
    document = {**json.loads(text), "invitation": base64.b64encode(forged.encode()).decode()}
    assert "not signed" in refused(json.dumps(document))


@pytest.mark.must("INV-1")
def test_an_invitation_by_somebody_who_is_no_steward_is_refused(
    text: str, keys: Sequence[StewardKey], invitation: Invitation
) -> None:
    assert "no steward" in refused(signed_anew(text, keys[2], replace(invitation, steward="gamma")))
    assert "not signed" in refused(signed_anew(text, keys[2], invitation))


@pytest.mark.must("INV-1")
def test_an_invitation_with_the_roots_of_another_federation_is_refused(
    text: str, keys: Sequence[StewardKey]
) -> None:
    other = federation(keys[:2], "Elsewhere")
    roots = [base64.b64encode(one.encode()).decode() for one in other.roots]
    assert "another federation" in refused(json.dumps({**json.loads(text), "roots": roots}))


@pytest.mark.must("INV-2")
@pytest.mark.parametrize("moment", [NOW - 1, NOW + 30 * DAY])
def test_an_invitation_counts_from_its_time_to_its_end(text: str, moment: int) -> None:
    assert "not valid at this time" in refused(text, moment)


def test_an_invitation_ends_with_the_root(
    text: str, bundle: Bundle, keys: Sequence[StewardKey], invitation: Invitation
) -> None:
    end = bundle.directory.root_document.expires_at
    late = replace(invitation, issued_at=end - DAY, valid_until=end + DAY)
    message = refused(signed_anew(text, keys[0], late), end)
    assert "not valid at this time" in message


@pytest.mark.must("INV-2")
def test_an_invitation_to_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(AgencyError) as caught:
        check_invited(read_invitation(text, NOW), "bg-pol")
    assert caught.value.reason is Reason.INVITATION_INVALID
    assert "it invites gr-pol" in caught.value.message


@pytest.mark.parametrize("lasts", [0, MAX_VALID_MS + 1])
def test_an_invitation_of_no_time_or_of_years_is_not_made(
    invitation: Invitation, lasts: int
) -> None:
    with pytest.raises(FramingError):
        replace(invitation, valid_until=NOW + lasts)


def test_one_who_is_no_steward_makes_no_invitation(
    bundle: Bundle, keys: Sequence[StewardKey], invitation: Invitation
) -> None:
    with pytest.raises(AgencyError) as caught:
        invite_text(bundle, keys[2], invitation)
    assert caught.value.reason is Reason.INVALID_ARGUMENT


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "tocsin.invitation.v2"}', "[" * 9999])
def test_any_other_file_is_told_as_such(text: str) -> None:
    assert "steward invite" in refused(text)


@pytest.mark.parametrize("part", ["roots", "invitation", "signature", "schema"])
def test_a_part_that_is_missing_is_refused(text: str, part: str) -> None:
    document = json.loads(text)
    del document[part]
    assert "steward invite" in refused(json.dumps(document))
