# SPDX-License-Identifier: Apache-2.0
"""The library as an agency's own system uses it, against a real broker: publish, follow, look."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from agency_client.bootstrap import Agency, enrol_profile
from agency_client.bootstrap.system import SystemClock
from agency_client.domain.views import InboxQuery, NoticeView, PublishState, Verdict, Viewer
from agency_client.errors import AgencyError, Reason
from broker.errors import Reason as BrokerReason
from keys.entries import AgencyEntry
from keys.errors import KeyFileError
from tests.integration.agency.world import (
    PASSPHRASE,
    TOPIC,
    World,
    copied_profile,
    draft,
    now_ms,
)

LOOKING = Viewer(name="officer 7", purpose="INVESTIGATION", case="2026/114")


@pytest.fixture
async def greek(world: World) -> AsyncIterator[Agency]:
    async with Agency.connect(world.profile("gr-pol"), PASSPHRASE) as agency:
        yield agency


@pytest.fixture
async def romanian(world: World) -> AsyncIterator[Agency]:
    async with Agency.connect(world.profile("ro-pol"), PASSPHRASE) as agency:
        yield agency


def own_log(agency: Agency) -> list[tuple[str, str, tuple[str, ...]]]:
    leaves = agency.wiring.store.openings.leaves(0, 100)
    return [(one.kind, one.who, one.notices) for _, _, one in leaves]


async def first(agency: Agency, count: int = 1) -> list[NoticeView]:
    """Return the first notices that a subscription yields."""
    found: list[NoticeView] = []
    async with asyncio.timeout(20):
        async for view in agency.subscribe("trafficking/#", viewer=LOOKING):
            found.append(view)
            if len(found) == count:
                break
    return found


async def refused(work: object) -> AgencyError:
    with pytest.raises(AgencyError) as caught:
        await work  # type: ignore[misc]
    return caught.value


async def test_what_one_agency_publishes_another_reads(greek: Agency, romanian: Agency) -> None:
    report = await greek.publish(draft("A ring in two ports"))
    (view,) = await first(romanian)
    (published,) = report.notices
    assert published.state is PublishState.ACCEPTED
    assert published.recipients == ("gr-pol", "ro-pol")
    assert view.reference == f"gr-pol/{published.notice_id.hex()}"
    assert view.content["title"] == "A ring in two ports"


async def test_many_are_published_at_once_and_progress_is_told(greek: Agency) -> None:
    told: list[tuple[int, int]] = []
    drafts = [draft(f"number {n}") for n in range(300)]
    report = await greek.publish(drafts, progress=lambda done, of: told.append((done, of)))
    assert report.count(PublishState.ACCEPTED) == 300
    assert [one.position for one in report.notices] == list(range(300))
    assert told[-1] == (300, 300)


async def test_a_draft_that_may_not_go_holds_nobody_up(greek: Agency) -> None:
    bad = draft("to nobody we know", to=["xx-pol"])
    report = await greek.publish([draft("one"), bad, draft("two")])
    states = [one.state for one in report.notices]
    assert states == [PublishState.ACCEPTED, PublishState.REFUSED, PublishState.ACCEPTED]
    assert report.notices[1].reason == Reason.UNKNOWN_RECIPIENT


async def test_all_or_nothing_publishes_nothing(greek: Agency, world: World) -> None:
    drafts = [draft("one"), draft("two", to=["xx-pol"])]
    report = await greek.publish(drafts, all_or_nothing=True)
    assert report.count(PublishState.ACCEPTED) == report.count(PublishState.QUEUED) == 0
    assert await greek.inbox() == ()
    assert not [act for act in world.store.acts if act.kind == "publish"]


async def test_the_preview_says_who_would_read_it_and_sends_nothing(greek: Agency) -> None:
    view = await greek.preview(draft(not_for=["RO"], to=[]))
    assert view.admitted == ()
    assert set(view.refused) == {"ro-pol"}
    assert (await greek.status()).queued_frames == 0


async def test_the_own_log_names_who_looked_before_anything_is_shown(
    greek: Agency, romanian: Agency
) -> None:
    await greek.publish(draft("one"))
    (view,) = await first(romanian)
    await romanian.show(view.reference, LOOKING)
    await romanian.search("one", LOOKING)
    await romanian.acknowledge(view.reference, Viewer(name="officer 8"))
    assert own_log(romanian) == [
        ("stream", "officer 7", (view.reference,)),
        ("show", "officer 7", (view.reference,)),
        ("search", "officer 7", (view.reference,)),
        ("show", "officer 8", (view.reference,)),
    ]


async def test_where_the_own_log_cannot_be_written_nothing_is_shown(
    greek: Agency, romanian: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    await greek.publish(draft("one"))

    def full(_: object) -> None:
        raise AgencyError(Reason.STORE_FAILED, "no space left")

    monkeypatch.setattr(romanian.wiring.store.openings, "append", full)
    assert (await refused(first(romanian))).reason is Reason.STORE_FAILED


async def test_a_program_that_names_no_viewer_looks_as_its_login(
    greek: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGNAME", "desk")
    await greek.publish(draft("one"))
    await greek.inbox(InboxQuery(limit=1))
    assert own_log(greek)[0][:2] == ("list", "desk")


async def test_receiving_ends_when_all_has_arrived_and_it_can_be_searched(
    greek: Agency, romanian: Agency
) -> None:
    await greek.publish([draft("Ελένη Παπαδοπούλου"), draft("another")])
    report = await romanian.receive("trafficking/#")
    again = await romanian.receive("trafficking/#")
    found = await romanian.search("παπαδοπουλου")
    assert (report.frames, report.notices, again.notices) == (1, 2, 0)
    assert [one.content["title"] for one in found.notices] == ["Ελένη Παπαδοπούλου"]
    assert found.waiting == 0


async def test_topics_status_and_findings_are_told(greek: Agency) -> None:
    (topic,) = await greek.topics()
    status = await greek.status()
    assert (topic.name, topic.may_publish, topic.may_subscribe) == (TOPIC, True, True)
    assert (status.agency, status.enrolled, status.broker_reachable) == ("gr-pol", True, True)
    assert {one.use for one in status.keys} == {"signing", "encryption", "assertion", "gateway"}
    assert await greek.findings() == ()
    assert greek.agency_id == "gr-pol"
    assert isinstance(greek.directory.agency("gr-pol"), AgencyEntry)


async def test_an_attachment_is_saved_as_it_was(
    greek: Agency, romanian: Agency, tmp_path: Path
) -> None:
    (tmp_path / "photo.jpg").write_bytes(bytes(range(256)) * 9000)
    with_photo = draft("with a photo")
    report = await greek.publish(
        type(with_photo)(
            topic=with_photo.topic,
            marking=with_photo.marking,
            to=(),
            notice=with_photo.notice,
            valid_from=with_photo.valid_from,
            expires_at=with_photo.expires_at,
            attachments=(tmp_path / "photo.jpg",),
        )
    )
    await romanian.receive(TOPIC)
    target, reference = tmp_path / "saved.jpg", report.notices[0].notice_id.hex()
    size = await romanian.save_attachment(reference, "photo.jpg", target)
    assert target.read_bytes() == (tmp_path / "photo.jpg").read_bytes()
    assert size == target.stat().st_size


async def test_the_audit_verifies_what_really_happened(greek: Agency, romanian: Agency) -> None:
    await greek.publish([draft("one"), draft("two")])
    await first(romanian, 2)
    report = await romanian.audit()
    assert report.verdict is Verdict.VERIFIED, report.checks
    assert report.leaves > 0


async def test_an_agency_admitted_a_moment_ago_can_be_named(greek: Agency, world: World) -> None:
    await world.submit(world.admit(copied_profile(world.profile("hr-pol"), "hr-pol")))
    greek._fetched_at = 0
    report = await greek.publish(draft("welcome", to=["hr-pol"]))
    assert report.notices[0].state is PublishState.ACCEPTED
    assert "hr-pol" in report.notices[0].recipients


async def test_a_directory_that_does_not_verify_stops_publishing(
    greek: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forked() -> bool:
        raise AgencyError(Reason.DIRECTORY_INVALID, "another history")

    monkeypatch.setattr(greek.wiring.directory, "sync", forked)
    assert (await refused(greek.publish(draft()))).reason is Reason.DIRECTORY_INVALID
    assert await greek.inbox() == ()


async def test_with_the_broker_away_everything_but_the_broker_works(
    greek: Agency, world: World
) -> None:
    await world.stop()
    report = await greek.publish(draft("while away"), wait_s=0.2)
    (notice,) = report.notices
    status = await greek.status()
    assert notice.state is PublishState.QUEUED
    assert notice.reason == Reason.BROKER_UNREACHABLE
    assert (status.broker_reachable, status.queued_notices) == (False, 1)
    assert (await greek.show(notice.notice_id.hex())).content["title"] == "while away"
    assert len((await greek.search("away")).notices) == 1
    assert (await refused(greek.topics())).reason is Reason.BROKER_UNREACHABLE
    assert (await refused(greek.receive(TOPIC))).reason is Reason.BROKER_UNREACHABLE


async def test_a_profile_opens_with_the_broker_away_and_sends_when_it_is_back(
    world: World,
) -> None:
    await world.stop()
    async with Agency.connect(world.profile("gr-pol"), PASSPHRASE) as agency:
        await agency.publish(draft("early"), wait_s=0)
        away = await agency.send(wait_s=0)
        await world.start()
        back = await agency.send(wait_s=10)
        once = await agency.send(wait_s=10)
    assert (away.accepted, away.waiting, away.problem_reason) == (0, 1, Reason.BROKER_UNREACHABLE)
    assert (back.accepted, back.waiting) == (1, 0)
    assert (once.accepted, once.waiting) == (0, 0)


async def test_a_locked_agency_s_notices_wait_and_say_why(greek: Agency, world: World) -> None:
    await world.lock("gr-pol")
    report = await greek.publish(draft("locked"), wait_s=5)
    assert report.notices[0].state is PublishState.QUEUED
    assert report.notices[0].reason == Reason.AGENCY_LOCKED
    await world.unlock("gr-pol")
    assert (await greek.send(wait_s=10)).accepted == 1


async def test_a_full_broker_keeps_the_notice_waiting_and_it_goes_later(
    greek: Agency, world: World
) -> None:
    world.store.fail(BrokerReason.STORAGE_FULL)
    report = await greek.publish(draft("no room"), wait_s=0.5)
    assert report.notices[0].state is PublishState.QUEUED
    assert report.notices[0].reason == Reason.STORAGE_FULL
    world.store.fail(None)
    assert (await greek.send(wait_s=10)).accepted == 1


async def test_publishing_does_not_wait_longer_than_it_was_told(
    greek: Agency, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = asyncio.Event()
    assert world.services is not None

    async def never(*_: object) -> None:
        await hold.wait()

    monkeypatch.setattr(world.services.publishing, "publish", never)
    async with asyncio.timeout(15):
        report = await greek.publish(draft("slow"), wait_s=0.1)
    hold.set()
    assert report.notices[0].state is PublishState.QUEUED
    assert report.notices[0].reason == Reason.DEADLINE_EXCEEDED


async def test_two_publish_at_once_from_one_program(greek: Agency) -> None:
    batches = [[draft(f"{batch} {n}") for n in range(5)] for batch in range(8)]
    reports = await asyncio.gather(*(greek.publish(batch) for batch in batches))
    assert all(report.count(PublishState.ACCEPTED) == 5 for report in reports)


@pytest.mark.parametrize("passphrase", ["another", ""])
async def test_a_wrong_passphrase_opens_nothing(world: World, passphrase: str) -> None:
    with pytest.raises(KeyFileError):
        async with Agency.connect(world.profile("gr-pol"), passphrase):
            pass


async def test_a_profile_that_is_not_enrolled_says_so(world: World) -> None:
    copied_profile(world.profile("new"), "hr-pol")
    with pytest.raises(AgencyError) as caught:
        async with Agency.connect(world.profile("new"), PASSPHRASE):
            pass
    assert caught.value.reason is Reason.NOT_ENROLLED


async def test_a_profile_whose_broker_was_taken_out_of_its_settings_says_so(
    world: World,
) -> None:
    (world.profile("gr-pol") / "config.toml").write_text("")
    with pytest.raises(AgencyError) as caught:
        async with Agency.connect(world.profile("gr-pol"), PASSPHRASE):
            pass
    assert caught.value.reason is Reason.NOT_ENROLLED


async def test_a_wrong_clock_is_told_before_anything_is_sealed_by_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SystemClock, "now_ms", lambda _: now_ms() - 400 * 86_400_000)
    with pytest.raises(AgencyError) as caught:
        async with Agency.connect(world.profile("gr-pol"), PASSPHRASE):
            pass
    assert caught.value.reason is Reason.CLOCK_SKEW


async def test_a_clock_that_runs_ahead_is_told_by_the_broker(
    greek: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SystemClock, "now_ms", lambda _: now_ms() + 86_400_000)
    report = await greek.publish(draft("tomorrow"), wait_s=5)
    assert report.notices[0].reason == Reason.CLOCK_SKEW
    assert "clock" in report.notices[0].message


async def test_settings_can_name_the_passphrase_s_file(world: World) -> None:
    folder = world.profile("gr-pol")
    (folder / "pass").write_text(PASSPHRASE + "\n")
    (folder / "pass").chmod(0o600)
    with (folder / "config.toml").open("a") as file:
        file.write('passphrase_file = "pass"\n')
    async with Agency.connect(folder) as agency:
        assert agency.agency_id == "gr-pol"
    (folder / "pass").chmod(0o640)
    with pytest.raises(AgencyError) as caught:
        async with Agency.connect(folder):
            pass
    assert caught.value.reason is Reason.PROFILE_INVALID


async def test_without_any_passphrase_nothing_is_guessed(world: World) -> None:
    with pytest.raises(AgencyError) as caught:
        async with Agency.connect(world.profile("gr-pol")):
            pass
    assert caught.value.reason is Reason.PROFILE_INVALID


async def test_another_broker_in_the_settings_is_no_way_in(world: World, tmp_path: Path) -> None:
    other = await World.make(tmp_path / "other")
    await other.start()
    folder = world.profile("gr-pol")
    (folder / "config.toml").write_text(f'broker = "{other.address}"\n')
    async with Agency.connect(folder, PASSPHRASE) as agency:
        error = await refused(agency.topics())
    await other.stop()
    assert error.reason is Reason.BROKER_UNREACHABLE
    assert "another root" in error.message


async def test_enrolling_again_while_the_profile_is_open_is_well(
    greek: Agency, world: World
) -> None:
    enrol_profile(
        world.profile("gr-pol"),
        PASSPHRASE,
        bundle=world.written_bundle(),
        broker_address=world.address,
    )
    assert (await greek.publish(draft())).notices[0].state is PublishState.ACCEPTED
