# SPDX-License-Identifier: Apache-2.0
"""What became of a notice is told on its page and in lists, and steers no screen."""

from dataclasses import replace

import pytest

from agency_client.cli import afterlife, render
from agency_client.domain.onward import (
    AdmissionView,
    Afterlife,
    BrokenGlassView,
    HolderState,
    HolderView,
    RecallView,
    RequestState,
    RequestView,
    StandingView,
)
from agency_client.domain.post import PostItem, PostKind
from agency_client.domain.views import NoticeState, NoticeView
from keys.envelope import Marking
from keys.places import NoticePlace

NOW = 1_795_500_000_000
DAY = 86_400_000
NOTICE = f"gr-pol/{'0f' * 16}"
REQUEST = RequestView(
    request_id=bytes(range(16)),
    notice=NOTICE,
    asked_by="ro-pol",
    target="it-lab",
    why="It reads\u202e plates.\x1b[2J",
    purposes=("INVESTIGATION",),
    asked_at=NOW,
)
GRANTED = replace(
    REQUEST,
    state=RequestState.GRANTED,
    decided_at=NOW + DAY,
    until=NOW + 2 * DAY,
    court_use=True,
    reason="for the plates\x07",
)
ADMITTED = AdmissionView(
    notice=NOTICE, agency="it-lab", admitted_by="gr-pol", granted_at=NOW, until=NOW + DAY
)
RECALL = RecallView(notice=NOTICE, reason="SOURCE_AT_RISK", recalled_at=NOW, answer_by=NOW + DAY)
HOLDERS = [HolderView(agency="ro-pol", state=state) for state in HolderState]
STANDING = StandingView(
    number=3,
    case="2026/114",
    agency="it-lab",
    until=NOW + DAY,
    made_at=NOW,
    made_by="maria",
    admitted=2,
)


@pytest.fixture
def notice() -> NoticeView:
    return NoticeView(
        originator="gr-pol",
        notice_id=bytes(range(16)),
        topic="trafficking/cases",
        marking=Marking(type="YELLOW", tlp="AMBER"),
        content={"title": "Missing"},
        attachments=(),
        state=NoticeState.CURRENT,
        created_at=NOW,
        received_at=NOW,
        valid_from=NOW,
        expires_at=NOW + DAY,
        sequence=1,
        supersedes=(),
        superseded_by=None,
        acknowledged_at=0,
        acknowledged_by="",
    )


def test_a_page_tells_who_asked_and_who_was_admitted_until_when(notice: NoticeView) -> None:
    shared = replace(notice, afterlife=Afterlife(requests=(GRANTED,), admitted=(ADMITTED,)))
    page = "\n".join(render.page(shared))
    assert "asked         ro-pol for it-lab, 2026-11-24T06:00:00Z, granted 2026-11-25" in page
    assert "admitted      it-lab until 2026-11-25T06:00:00Z, by gr-pol 2026-11-24" in page
    told = render.document(shared)["afterlife"]
    assert told["requests"][0]["state"] == "granted"
    assert told["admitted"][0]["agency"] == "it-lab"


def test_a_recalled_notice_says_so_first_and_in_every_list(notice: NoticeView) -> None:
    gone = replace(
        notice,
        state=NoticeState.RECALLED,
        afterlife=Afterlife(recall=replace(RECALL, destroyed_at=NOW + 1000)),
        content={},
    )
    assert render.page(gone)[1] == (
        "!!! RECALLED: SOURCE_AT_RISK, taken back 2026-11-24T06:00:00Z; "
        "the content was destroyed here 2026-11-24T06:00:01Z"
    )
    assert "RECALLED" in render.rows([gone])[0]
    assert render.document(gone)["afterlife"]["recall"]["reason"] == "SOURCE_AT_RISK"


def test_a_notice_that_is_held_names_the_law(notice: NoticeView) -> None:
    held = replace(RECALL, legal_basis="Code of criminal procedure")
    page = render.page(replace(notice, afterlife=Afterlife(recall=held)))
    assert page[1].endswith("held here: Code of criminal procedure")


@pytest.mark.parametrize("state", [NoticeState.EXPIRED, NoticeState.ENDED])
def test_a_notice_whose_time_is_over_says_so(state: NoticeState, notice: NoticeView) -> None:
    gone = replace(notice, state=state, content={})
    assert render.page(gone)[1].startswith(f"!!! {state.value.upper()}")
    assert render.state_of(gone) == state.value.upper()


def test_a_break_glass_elsewhere_stands_on_the_page(notice: NoticeView) -> None:
    glass = BrokenGlassView(
        agency="ro-pol", officer="officer-1", reason="seen\x1b in Patras", ticket="T-1", at=NOW
    )
    told = replace(notice, afterlife=Afterlife(broken=(glass,)))
    page = "\n".join(render.page(told))
    assert "opened for danger to life at ro-pol by officer-1" in page
    assert "\x1b" not in page
    (document,) = render.document(told)["afterlife"]["break_glass"]
    assert (document["agency"], document["ticket"]) == ("ro-pol", "T-1")


def test_a_notice_of_which_nothing_became_shows_nothing_of_it(notice: NoticeView) -> None:
    page = "\n".join(render.page(notice))
    assert "asked" not in page
    assert "admitted" not in page
    assert render.document(notice)["afterlife"] == {
        "requests": [],
        "admitted": [],
        "recall": None,
        "break_glass": [],
    }


@pytest.mark.parametrize("kind", list(PostKind))
def test_each_kind_of_mail_is_told_in_one_line(kind: PostKind) -> None:
    item = PostItem(
        kind=kind,
        name=b"name",
        sender="ro-pol",
        recipient="gr-pol",
        originator="gr-pol",
        notice_id=bytes(range(16)),
        place=NoticePlace(statement=bytes(32), index=0, leaf_hash=bytes(32)),
        created_at=NOW,
        target="it-lab",
    )
    line = afterlife.came(item)
    assert line.startswith("ro-pol ")
    assert f"gr-pol/{bytes(range(16)).hex()}" in line


def test_what_other_agencies_wrote_steers_no_screen() -> None:
    lines = [
        *afterlife.request_page(REQUEST),
        *afterlife.request_rows([REQUEST]),
        afterlife.asked(GRANTED),
        *afterlife.holder_rows([replace(HOLDERS[-1], legal_basis="law\x1b[2J")]),
    ]
    assert not {"\x1b", "\u202e", "\x07"} & set("\n".join(lines))
    assert "\\u202e" in "\n".join(lines)


def test_a_request_is_read_with_all_that_was_decided() -> None:
    page = afterlife.request_page(GRANTED)
    assert "until      2026-11-26T06:00:00Z" in page
    assert "court use  yes" in page
    assert not any(
        line.startswith(("decided", "until")) for line in afterlife.request_page(REQUEST)
    )


@pytest.mark.parametrize("line", ["asked", "admitted"])
def test_what_waits_to_be_sent_says_so(line: str) -> None:
    lines = {
        "asked": afterlife.asked(replace(REQUEST, sent=False)),
        "admitted": afterlife.admitted(replace(ADMITTED, sent=False)),
    }
    assert lines[line].endswith("(waits to be sent)")


@pytest.mark.parametrize("holder", HOLDERS, ids=lambda one: one.state.name)
def test_every_state_of_a_holder_is_told_in_words(holder: HolderView) -> None:
    assert holder.state.value in afterlife.holder_rows([holder])[0]
    assert afterlife.holder_document(holder)["state"] == holder.state.value


def test_a_standing_grant_is_told_with_what_it_did() -> None:
    assert afterlife.standing_rows([STANDING]) == [
        "3\t2026/114\tit-lab\t2026-11-25T06:00:00Z\t2\tmaria"
    ]
    assert afterlife.standing_document(STANDING)["admitted"] == 2
