# SPDX-License-Identifier: Apache-2.0
"""Every view of a notice shows marking and mode, and a superseded one says so."""

from dataclasses import replace

import pytest

from agency_client.cli import render
from agency_client.domain.views import AttachmentView, NoticeState, NoticeView
from keys.envelope import Marking

NOW = 1_795_500_000_000


@pytest.fixture
def notice() -> NoticeView:
    return NoticeView(
        originator="gr-pol",
        notice_id=bytes(range(16)),
        topic="trafficking/cases",
        marking=Marking(type="YELLOW", tlp="RED", mode="EXERCISE", not_for=("BG",)),
        content={
            "title": "Missing\u202e since",
            "persons": [{"name": "Παπαδόπουλος", "forename": "Άννα"}],
            "summary": "first\nsecond\x1b[2J",
        },
        attachments=(
            AttachmentView(id=bytes(16), name="a\x07.jpg", media_type="image/jpeg", length=9),
        ),
        state=NoticeState.CURRENT,
        created_at=NOW,
        received_at=NOW,
        valid_from=NOW,
        expires_at=NOW,
        sequence=1,
        supersedes=(),
        superseded_by=None,
        acknowledged_at=0,
        acknowledged_by="",
    )


@pytest.mark.parametrize("mode", ["ACTUAL", "EXERCISE", "TEST"])
def test_every_form_shows_marking_and_mode(notice: NoticeView, mode: str) -> None:
    marked = replace(notice, marking=Marking(type="YELLOW", tlp="RED", mode=mode))
    assert mode in render.rows([marked])[0]
    assert "RED" in render.rows([marked])[0]
    page = render.page(marked)
    assert mode in page[0]
    assert mode in page[-1]
    assert render.document(marked)["mode"] == mode
    assert render.document(marked)["marking"]["tlp"] == "RED"


def test_what_another_agency_wrote_cannot_steer_the_screen(notice: NoticeView) -> None:
    shown = "\n".join([*render.page(notice), *render.rows([notice])])
    assert not {"\x1b", "\u202e", "\x07"} & set(shown)
    assert "\\u202e" in shown


def test_a_superseded_notice_says_so_and_names_the_newer_one(notice: NoticeView) -> None:
    old = replace(notice, state=NoticeState.SUPERSEDED, superseded_by=("gr-pol", b"\xff" * 16))
    assert any("SUPERSEDED" in line and "ff" * 16 in line for line in render.page(old)[:2])
    assert "SUPERSEDED" in render.rows([old])[0]
    assert render.document(old)["superseded_by"] == f"gr-pol/{'ff' * 16}"


def test_a_red_notice_is_not_taken_for_tlp_red(notice: NoticeView) -> None:
    red = replace(notice, marking=Marking(type="RED", tlp="AMBER", mode="ACTUAL"))
    page = render.page(red)
    assert page[0] == "=== ACTUAL  TLP:AMBER  RED notice ==="
    assert any(line.startswith("type          RED (wanted person") for line in page)


def test_an_excluded_country_stands_over_the_notice(notice: NoticeView) -> None:
    assert "not for BG" in render.page(notice)[0]


def test_a_list_shows_whom_a_notice_is_about(notice: NoticeView) -> None:
    assert render.title_of(notice.content) == "Άννα Παπαδόπουλος"


@pytest.mark.parametrize("content", [{}, {"persons": []}, {"persons": "x"}, {"title": 7}])
def test_odd_content_does_not_break_a_list(notice: NoticeView, content: dict[str, object]) -> None:
    assert render.rows([replace(notice, content=content)])
    assert render.page(replace(notice, content=content))


def _shown(notice: NoticeView, notice_type: str, content: dict[str, object]) -> str:
    marking = Marking(type=notice_type, tlp="AMBER", handling=("H1",), purposes=("PROSECUTION",))
    return "\n".join(render.page(replace(notice, marking=marking, content=content)))


def test_beside_a_code_stands_what_it_says(notice: NoticeView) -> None:
    person = {"status": "WANTED", "nationalities": ["NO", "XX"], "hair": ["BRO", "ODD"]}
    shown = _shown(notice, "RED", {"persons": [person], "warrants": [{"country": "GR"}]})
    assert "status: WANTED (wanted for arrest)" in shown
    assert "nationalities: NO (Norway), XX (stateless or not known)" in shown
    assert "hair: BRO (brown), ODD" in shown
    assert "country: GR (Greece)" in shown
    assert "H1 (not as evidence without the originator's permission)" in shown
    assert "PROSECUTION (prosecuting crime)" in shown
    assert "TLP:AMBER (the receiving agency and" in shown


def test_the_words_of_a_grade_are_those_of_its_scheme(notice: NoticeView) -> None:
    grading = {"scheme": "5x5x5", "source": "E", "information": "5", "handling": "3"}
    shown = _shown(notice, "REQUEST", {"grading": grading})
    assert "source: E (untested)" in shown
    assert "information: 5 (suspected to be false)" in shown
    unknown = _shown(notice, "REQUEST", {"grading": {**grading, "scheme": "6x6"}})
    assert "untested" not in unknown


def test_what_is_true_or_false_is_yes_or_no(notice: NoticeView) -> None:
    shown = _shown(notice, "YELLOW", {"persons": [{"child": True}], "consent": False, "age": 0})
    assert "child: yes" in shown
    assert "consent: no" in shown
    assert "age: 0" in shown


def test_content_of_a_type_that_is_not_known_is_shown_without_words(notice: NoticeView) -> None:
    assert "status: WANTED" in _shown(notice, "NEWER", {"persons": [{"status": "WANTED"}]})


def test_what_matters_first_is_read_first(notice: NoticeView) -> None:
    person = {"weight_kg": 60, "name": "Invented", "status": "MISSING"}
    content: dict[str, object] = {
        "novelty": "x",
        "event": {"on": "2026"},
        "persons": [person],
        "title": "Missing",
    }
    shown = _shown(notice, "YELLOW", content)
    words = ["title:", "persons 1:", "status:", "name:", "weight_kg:", "novelty:"]
    places = [shown.index(word) for word in words]
    assert places == sorted(places)


_ANNA = {"status": "MISSING", "name": "Invented", "forename": "Anna"}


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ({"persons": [_ANNA], "title": "x"}, "Anna Invented"),
        ({"persons": [_ANNA, {"status": "OTHER"}], "title": "x"}, "Anna Invented"),
        ({"persons": [_ANNA, _ANNA], "title": "Farm work"}, "Farm work"),
        ({"persons": [_ANNA, _ANNA]}, "Anna Invented and 1 more"),
        ({"persons": [{"name_original": "แอนนา"}]}, "แอนนา"),
        ({"persons": [{"status": "VICTIM"}], "title": "Referral"}, "Referral"),
        ({"persons": [{"status": "DECEASED"}], "event": {"place": "Patras"}}, "DECEASED Patras"),
        ({"assets": [{"kind": "VESSEL", "reference": "IMO 0"}]}, "VESSEL IMO 0"),
        ({"summary": "Adult.\nNeeds help."}, "Adult.\nNeeds help."),
        ({"question": "Whose van?", "kind": "VEHICLE_CHECK"}, "Whose van?"),
        ({"outcome": "NOTHING_KNOWN"}, "NOTHING_KNOWN"),
        ({"title": "x" * 100}, "x" * 59 + "…"),
        ({"persons": {"name": "x"}, "event": "x", "assets": [7]}, ""),
    ],
)
def test_a_list_shows_what_a_notice_is_about(content: dict[str, object], title: str) -> None:
    assert render.title_of(content) == title
