# SPDX-License-Identifier: Apache-2.0
"""What stewards make is verified by the code with which agencies verify it."""

import base64
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agency_client.errors import AgencyError, Reason
from agency_client.services.admission import admitted, read_request, request_bytes
from agency_client.services.steward import (
    BrokerDescriptor,
    Bundle,
    Proposal,
    StewardKey,
    check_steward,
    describe,
    fingerprint,
    propose_entry,
)
from agency_client.services.steward_home import Outcome, StewardHome
from keys.directory import Entry, LockEntry, RetireEntry, TopicEntry, UnlockEntry
from keys.entries import AgencyEntry, encode_content
from keys.errors import KeyFileError, RootError, SignatureError
from keys.errors import Reason as TrustReason
from keys.tls import peer_name, verify_peer
from tests.simulator.federation import NOW, build_federation

PASSPHRASE = "correct horse"
TOPIC = TopicEntry(topic="trafficking/cases", title="Cases", readers=("a",), publishers=("a",))


@pytest.fixture(scope="module")
def descriptor() -> BrokerDescriptor:
    broker = build_federation().broker
    text = json.dumps(
        {
            "log_origin": broker.origin,
            "log_key": base64.b64encode(broker.log_key).decode(),
            "tls_root": base64.b64encode(broker.tls_root.certificate).decode(),
        }
    )
    return BrokerDescriptor.parse(text)


@pytest.fixture(scope="module")
def request_of_an_agency() -> AgencyEntry:
    return build_federation(["gr-pol"]).agencies["gr-pol"].entry


@pytest.fixture(scope="module")
def keys() -> tuple[StewardKey, ...]:
    return tuple(StewardKey.generate(name, NOW) for name in ("alpha", "beta", "gamma"))


@pytest.fixture
def home(tmp_path: Path, keys: Sequence[StewardKey], descriptor: BrokerDescriptor) -> StewardHome:
    made = StewardHome(tmp_path / "steward")
    made.path.mkdir()
    made.create(name="Test", keys=keys, others=(), threshold=2, broker=descriptor, now=NOW)
    return made


class Broker:
    """A broker that keeps entries and may refuse."""

    def __init__(self, entries: Sequence[bytes] = (), refusal: Reason | None = None) -> None:
        self.held = list(entries)
        self.refusal = refusal

    async def entries(self, start: int) -> tuple[list[bytes], int, str]:
        return self.held[start : start + 2], len(self.held), ""

    async def submit_entry(self, entry: bytes) -> int:
        if self.refusal is not None:
            raise AgencyError(self.refusal, "refused")
        self.held.append(entry)
        return len(self.held) - 1


def test_a_federation_file_reads_back_verified(home: StewardHome) -> None:
    root = home.bundle().directory.root_document
    assert root.threshold == 2
    assert [steward.name for steward in root.stewards] == ["alpha", "beta", "gamma"]


def test_a_second_federation_in_one_folder_is_refused(
    home: StewardHome, keys: Sequence[StewardKey], descriptor: BrokerDescriptor
) -> None:
    before = home.bundle_path.read_bytes()
    with pytest.raises(AgencyError) as caught:
        home.create(name="Two", keys=keys, others=(), threshold=1, broker=descriptor, now=NOW)
    assert caught.value.reason is Reason.PROFILE_EXISTS
    assert home.bundle_path.read_bytes() == before


def test_a_threshold_above_the_number_of_stewards_is_refused(
    tmp_path: Path, keys: Sequence[StewardKey], descriptor: BrokerDescriptor
) -> None:
    with pytest.raises(AgencyError) as caught:
        StewardHome(tmp_path).create(
            name="Test", keys=keys[:1], others=(), threshold=2, broker=descriptor, now=NOW
        )
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert not (tmp_path / "federation.json").exists()


def test_a_root_waits_for_the_other_stewards_and_then_counts(
    tmp_path: Path, keys: Sequence[StewardKey], descriptor: BrokerDescriptor
) -> None:
    home = StewardHome(tmp_path)
    outcome = home.create(
        name="Test",
        keys=keys[:1],
        others=[keys[1].steward],
        threshold=2,
        broker=descriptor,
        now=NOW,
    )
    assert outcome.pending is not None
    assert not home.bundle_path.exists()
    proposal = Proposal.parse(outcome.pending.read_text())
    assert "2 of alpha, beta" in proposal.says
    assert home.apply(proposal.signed_by(keys[1])).is_applied
    assert home.bundle().directory.size == 0


def test_one_steward_cannot_add_a_topic_alone(
    home: StewardHome, keys: Sequence[StewardKey]
) -> None:
    outcome = home.add(TOPIC, keys[:1], NOW)
    assert (outcome.signatures, outcome.needed) == (1, 2)
    assert home.bundle().directory.topics() == ()
    assert outcome.pending is not None
    signed = Proposal.parse(outcome.pending.read_text()).signed_by(keys[2])
    assert home.apply(signed).is_applied
    assert home.bundle().directory.topics() == (TOPIC,)


def test_what_waits_for_signatures_is_not_overwritten(
    home: StewardHome, keys: Sequence[StewardKey]
) -> None:
    outcome = home.add(TOPIC, keys[:1], NOW)
    assert outcome.pending is not None
    before = outcome.pending.read_text()
    other = TopicEntry(topic="b/c", title="Other", readers=("a",), publishers=("a",))
    with pytest.raises(AgencyError) as caught:
        home.add(other, keys[:1], NOW)
    assert caught.value.reason is Reason.ALREADY_EXISTS
    assert outcome.pending.read_text() == before


def test_a_signature_of_a_stranger_does_not_count(
    home: StewardHome, keys: Sequence[StewardKey]
) -> None:
    outcome = home.add(TOPIC, [keys[0], StewardKey.generate("delta", NOW)], NOW)
    assert (outcome.signatures, outcome.needed, outcome.is_applied) == (1, 2, False)
    assert home.bundle().directory.size == 0
    assert outcome.pending is not None
    proposal = Proposal.parse(outcome.pending.read_text())
    assert home.apply(proposal.signed_by(keys[1])).is_applied


def test_a_stranger_under_a_steward_s_name_is_refused(
    home: StewardHome, keys: Sequence[StewardKey]
) -> None:
    impostor = StewardKey.generate(keys[1].name, NOW)
    assert impostor.signer.keyset_id == keys[1].signer.keyset_id
    with pytest.raises(SignatureError):
        home.add(TOPIC, [keys[0], impostor], NOW)
    root = home.root()
    assert root is not None
    check_steward(root, keys[1])
    with pytest.raises(AgencyError) as caught:
        check_steward(root, impostor)
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert home.bundle().directory.size == 0


@pytest.mark.parametrize(("others", "told"), [(1, "proposed anew"), (-1, "bring it level")])
def test_a_proposal_for_another_place_is_told_as_that(
    home: StewardHome, keys: Sequence[StewardKey], others: int, told: str
) -> None:
    before = home.bundle()
    home.add(TOPIC, keys, NOW)
    proposal = propose_entry(home.bundle().directory, replace(TOPIC, title="Other"), NOW)
    if others > 0:
        home.add(replace(TOPIC, title="Faster"), keys, NOW)
    else:
        home.write_bundle(before)
    size = home.bundle().directory.size
    with pytest.raises(AgencyError) as caught:
        home.apply(proposal.signed_by(keys[0]).signed_by(keys[1]))
    assert caught.value.reason is Reason.DIRECTORY_CONFLICT
    assert told in caught.value.message
    assert home.bundle().directory.size == size


def test_one_steward_locks_and_the_threshold_unlocks(
    home: StewardHome, keys: Sequence[StewardKey], request_of_an_agency: AgencyEntry
) -> None:
    home.add(admitted(request_of_an_agency, circles=("a",)), keys, NOW)
    assert home.add(LockEntry(agency="gr-pol", reason="stolen"), keys[:1], NOW).is_applied
    assert home.bundle().directory.is_locked("gr-pol")
    assert not home.add(UnlockEntry(agency="gr-pol", reason="found"), keys[:1], NOW).is_applied
    assert home.add(UnlockEntry(agency="gr-pol", reason="found"), keys[:2], NOW).is_applied
    assert not home.bundle().directory.is_locked("gr-pol")


def test_locking_an_unknown_agency_is_refused(
    home: StewardHome, keys: Sequence[StewardKey]
) -> None:
    with pytest.raises(AgencyError) as caught:
        home.add(LockEntry(agency="no-such", reason="x"), keys, NOW)
    assert caught.value.reason is Reason.NOT_FOUND
    assert home.bundle().directory.size == 0


def test_what_cannot_stand_in_the_directory_is_an_argument_and_no_fraud(
    home: StewardHome, keys: Sequence[StewardKey], request_of_an_agency: AgencyEntry
) -> None:
    home.add(admitted(request_of_an_agency, circles=("a",)), keys, NOW)
    home.add(RetireEntry(agency="gr-pol", reason="merged"), keys, NOW)
    with pytest.raises(AgencyError) as caught:
        home.add(admitted(request_of_an_agency, circles=("a",)), keys, NOW)
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert home.bundle().directory.size == 2


def test_a_request_cannot_give_itself_rights(request_of_an_agency: AgencyEntry) -> None:
    greedy = replace(
        request_of_an_agency,
        role="auditor",
        circles=("every", "circle"),
        operations=(("ALPHA", NOW),),
    )
    entry = admitted(greedy, circles=("a",))
    assert (entry.role, entry.circles, entry.operations) == ("agency", ("a",), ())
    assert admitted(greedy).circles == ()


def test_who_renews_its_keys_keeps_its_place(request_of_an_agency: AgencyEntry) -> None:
    known = replace(
        request_of_an_agency, role="auditor", circles=("a", "b"), operations=(("ALPHA", NOW),)
    )
    renewed = replace(request_of_an_agency, tls_key_pin=bytes(32), circles=("c",))
    entry = admitted(renewed, known=known)
    assert entry == replace(known, tls_key_pin=bytes(32))
    assert admitted(renewed, known=known, circles=("b",)).circles == ("b",)


def test_what_is_signed_says_role_and_operations(request_of_an_agency: AgencyEntry) -> None:
    entry = replace(
        request_of_an_agency, role="auditor", circles=("a",), operations=(("ALPHA", NOW),)
    )
    said = describe(entry)
    assert said.startswith("auditor gr-pol (")
    assert said.endswith("in a, operation ALPHA")


def test_a_federation_is_made_whole_or_not_at_all(
    tmp_path: Path, keys: Sequence[StewardKey], descriptor: BrokerDescriptor
) -> None:
    home = StewardHome(tmp_path)

    def create(*entries: Entry) -> Outcome:
        return home.create(
            name="Test",
            keys=keys[:2],
            others=(),
            threshold=2,
            broker=descriptor,
            now=NOW,
            entries=entries,
        )

    with pytest.raises(AgencyError) as caught:
        create(TOPIC, LockEntry(agency="no-such", reason="x"))
    assert caught.value.reason is Reason.NOT_FOUND
    assert not home.bundle_path.exists()
    assert create(TOPIC).is_applied
    assert home.bundle().directory.topics() == (TOPIC,)


@pytest.mark.parametrize("name", ["../alpha", "Alpha", "", "a/b", "ä"])
def test_what_is_no_name_of_a_steward_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(AgencyError) as caught:
        StewardHome(tmp_path / "steward").new_key(name, PASSPHRASE, NOW)
    assert caught.value.reason is Reason.INVALID_ARGUMENT
    assert list(tmp_path.iterdir()) == []


def test_a_request_reads_back_and_its_fingerprint_is_that_of_its_bytes(
    request_of_an_agency: AgencyEntry,
) -> None:
    text = base64.encodebytes(encode_content(request_of_an_agency)).decode()
    assert read_request(text) == request_of_an_agency
    assert fingerprint(request_bytes(text)) == fingerprint(encode_content(request_of_an_agency))
    assert len(fingerprint(b"x").split()) == 8


@pytest.mark.parametrize("text", ["", "no base64!", "AAAA", base64.b64encode(b"x" * 99).decode()])
def test_what_is_no_request_is_refused(text: str) -> None:
    with pytest.raises(AgencyError) as caught:
        read_request(text)
    assert caught.value.reason is Reason.INVALID_ARGUMENT


def test_a_topic_is_no_enrolment_request() -> None:
    with pytest.raises(AgencyError):
        read_request(base64.b64encode(encode_content(TOPIC)).decode())


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"roots": 1, "entries": []}', "[" * 100_000])
def test_what_is_no_federation_file_is_refused(text: str) -> None:
    with pytest.raises(AgencyError) as caught:
        Bundle.parse(text)
    assert caught.value.reason is Reason.INVALID_ARGUMENT


@pytest.mark.parametrize("text", ["", "{}", '{"schema": "tocsin.proposal.v1", "kind": "x"}'])
def test_what_is_no_proposal_is_refused(text: str) -> None:
    with pytest.raises(AgencyError) as caught:
        Proposal.parse(text)
    assert caught.value.reason is Reason.INVALID_ARGUMENT


def test_a_changed_federation_file_does_not_verify(home: StewardHome) -> None:
    document = json.loads(home.bundle_path.read_text())
    root = bytearray(base64.b64decode(document["roots"][0]))
    root[len(root) // 2] ^= 1
    document["roots"][0] = base64.b64encode(bytes(root)).decode()
    with pytest.raises((RootError, SignatureError)):
        Bundle.parse(json.dumps(document))


@pytest.mark.parametrize(
    "text",
    [
        '{"log_origin": "x"}',
        '{"log_origin": "x", "log_key": "anVuaw==", "tls_root": "anVuaw=="}',
        '{"log_origin": "x", "log_key": "anVuaw==", "tls_root": 5}',
        "[" * 100_000,
        "",
    ],
)
def test_what_is_no_description_of_a_broker_is_refused(text: str) -> None:
    with pytest.raises(AgencyError) as caught:
        BrokerDescriptor.parse(text)
    assert caught.value.reason is Reason.INVALID_ARGUMENT


def test_keys_are_sealed_and_open_with_their_passphrase_only(tmp_path: Path) -> None:
    home = StewardHome(tmp_path / "steward")
    made = home.new_key("alpha", PASSPHRASE, NOW)
    assert home.key("alpha", PASSPHRASE).steward == made.steward
    assert (tmp_path / "steward" / "alpha.key").stat().st_mode & 0o077 == 0
    with pytest.raises(KeyFileError) as caught:
        home.key("alpha", "wrong")
    assert caught.value.reason is TrustReason.PASSPHRASE_WRONG
    with pytest.raises(AgencyError) as again:
        home.new_key("alpha", PASSPHRASE, NOW)
    assert again.value.reason is Reason.PROFILE_EXISTS


def test_a_steward_key_shows_no_secret(keys: Sequence[StewardKey]) -> None:
    assert keys[0].tls_root.key.hex() not in repr(keys[0])
    assert "key=" not in repr(keys[0])


def test_a_steward_connects_under_a_name_of_its_own(keys: Sequence[StewardKey]) -> None:
    leaf = keys[0].leaf(NOW)
    assert peer_name(leaf.certificate).is_steward
    assert verify_peer(leaf.certificate, b"", [keys[0].steward.tls_root], NOW)


async def test_an_entry_refused_by_the_broker_is_not_kept(
    home: StewardHome, keys: Sequence[StewardKey]
) -> None:
    broker = Broker(refusal=Reason.DIRECTORY_CONFLICT)
    with pytest.raises(AgencyError):
        await home.add_online(TOPIC, keys, NOW, broker)  # type: ignore[arg-type]
    assert home.bundle().directory.size == 0


async def test_an_entry_of_another_steward_is_taken_over_first(
    home: StewardHome, keys: Sequence[StewardKey], tmp_path: Path
) -> None:
    elsewhere = StewardHome(tmp_path / "elsewhere")
    elsewhere.path.mkdir()
    elsewhere.write_bundle(home.bundle())
    broker = Broker()
    for name in ("b/one", "b/two", "b/three"):
        topic = TopicEntry(topic=name, title=name, readers=("a",), publishers=("a",))
        await elsewhere.add_online(topic, keys, NOW, broker)  # type: ignore[arg-type]
    outcome = await home.add_online(TOPIC, keys, NOW, broker)  # type: ignore[arg-type]
    assert outcome.index == 3
    assert home.bundle().directory.size == len(broker.held) == 4


async def test_what_was_signed_offline_is_brought_to_the_broker(
    home: StewardHome, keys: Sequence[StewardKey]
) -> None:
    home.add(TOPIC, keys, NOW)
    broker = Broker()
    await home.bring_level(broker)  # type: ignore[arg-type]
    assert broker.held == [entry.encode() for entry in home.bundle().entries]
