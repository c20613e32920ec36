# SPDX-License-Identifier: Apache-2.0
"""The checker passes a sound history and finds a planted fault of each kind."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.checker import Kind, check, check_bars, worst_delays
from tests.faults.history import Did, Event, Recorder, read_histories

TOPIC = "trafficking/cases"
History = list[Event]


def sound() -> History:
    """Two publishers, eight notices, one subscriber that is killed once between store and ack."""
    clock = itertools.count(1)

    def event(who: str, did: Did, number: int = 0, *, by: str = "") -> Event:
        return Event(
            at=next(clock),
            who=who,
            did=did,
            key=f"{by or who}/{number}" if number else "",
            topic=TOPIC if number or did is not Did.SESSION else "",
            sequence=number,
            statement=f"{number:064x}" if did is Did.DELIVERED else "",
        )

    publisher = {number: "a" if number % 2 else "b" for number in range(1, 9)}
    history = [
        event(publisher[number], did, number)
        for number in range(1, 9)
        for did in (Did.PUBLISH, Did.ACCEPTED)
    ]
    history.append(event("s", Did.SESSION))
    history += [event("s", Did.DELIVERED, number) for number in range(1, 6)]
    history += [event("s", Did.SHOWN, n, by=publisher[n]) for n in range(1, 6)]
    history.append(event("s", Did.ACKNOWLEDGED, 3))
    history.append(event("s", Did.SESSION))
    history += [event("s", Did.DELIVERED, number) for number in range(4, 9)]
    history += [event("s", Did.SHOWN, n, by=publisher[n]) for n in range(6, 9)]
    history.append(event("s", Did.ACKNOWLEDGED, 8))
    history += [event("s", Did.HOLDS, n, by=publisher[n]) for n in range(1, 9)]
    return history


def where(history: Sequence[Event], did: Did, number: int) -> int:
    return next(at for at, one in enumerate(history) if one.did is did and one.sequence == number)


def without(did: Did, number: int) -> Callable[[History], None]:
    def plant(history: History) -> None:
        del history[where(history, did, number)]

    return plant


def altered(did: Did, number: int, **change: object) -> Callable[[History], None]:
    def plant(history: History) -> None:
        at = where(history, did, number)
        history[at] = replace(history[at], **change)  # type: ignore[arg-type]

    return plant


def repeated(did: Did, number: int, **change: object) -> Callable[[History], None]:
    def plant(history: History) -> None:
        one = history[where(history, did, number)]
        history.append(replace(one, at=history[-1].at + 1, **change))  # type: ignore[arg-type]

    return plant


def redelivered(history: History) -> None:
    last = history[-1].at
    again = history[where(history, Did.DELIVERED, 8)]
    history.append(Event(at=last + 1, who="s", did=Did.SESSION))
    history.append(replace(again, at=last + 2))


def swapped_on_the_stream(history: History) -> None:
    first, second = where(history, Did.DELIVERED, 1), where(history, Did.DELIVERED, 2)
    history[first], history[second] = history[second], history[first]


def skipped_at_a_restart(history: History) -> None:
    """The cursor moved before the frames were stored: 6 never comes."""
    del history[where(history, Did.DELIVERED, 6)]


def publisher_out_of_order(history: History) -> None:
    first, third = where(history, Did.ACCEPTED, 1), where(history, Did.ACCEPTED, 3)
    history[first] = replace(history[first], sequence=3)
    history[third] = replace(history[third], sequence=1)


FAULTS: tuple[tuple[str, Kind, Callable[[History], None]], ...] = (
    ("an accepted notice is not in the store", Kind.LOST, without(Did.HOLDS, 5)),
    ("a notice nobody published", Kind.PHANTOM, altered(Did.HOLDS, 5, key="nobody/1")),
    ("a notice is in the store twice", Kind.DOUBLED, repeated(Did.HOLDS, 5)),
    ("a notice is shown twice", Kind.DOUBLED, repeated(Did.SHOWN, 5)),
    ("a retry got a second place", Kind.DOUBLED, repeated(Did.ACCEPTED, 5, sequence=9)),
    ("one frame stands at two places", Kind.DOUBLED, repeated(Did.DELIVERED, 8, sequence=9)),
    ("another frame at a known place", Kind.CHANGED, altered(Did.DELIVERED, 4, statement="f" * 64)),
    ("two receipts for one place", Kind.CHANGED, altered(Did.ACCEPTED, 5, sequence=6)),
    ("it came again after its acknowledgement", Kind.REDELIVERED, redelivered),
    ("two frames changed places on the stream", Kind.DISORDER, swapped_on_the_stream),
    ("a publisher's notices changed places", Kind.DISORDER, publisher_out_of_order),
    ("a frame was skipped on the stream", Kind.GAP, without(Did.DELIVERED, 2)),
    ("a frame was skipped at a restart", Kind.GAP, skipped_at_a_restart),
    (
        "it came at another place than its receipt's",
        Kind.MISPLACED,
        altered(Did.SHOWN, 5, sequence=4),
    ),
)


def test_a_sound_history_passes() -> None:
    assert check(sound()) == []


def test_redelivery_before_the_acknowledgement_is_allowed() -> None:
    history = sound()
    assert sum(one.did is Did.DELIVERED and one.sequence == 5 for one in history) == 2
    assert check(history) == []


@pytest.mark.parametrize(
    ("kind", "plant"), [fault[1:] for fault in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_a_planted_fault_is_found(kind: Kind, plant: Callable[[History], None]) -> None:
    history = sound()
    plant(history)
    assert kind in {violation.kind for violation in check(history)}


def test_every_kind_of_fault_was_planted() -> None:
    planted_below = {Kind.TOO_LATE, Kind.OUTLIVED, Kind.KEPT}
    assert {kind for _, kind, _ in FAULTS} | planted_below == set(Kind)


def test_histories_are_read_in_order_of_time_without_half_a_last_line(tmp_path: Path) -> None:
    one, two = Recorder(tmp_path / "a", "a"), Recorder(tmp_path / "s", "s")
    one.note(Did.PUBLISH, key="a/1", topic=TOPIC)
    two.note(Did.SESSION)
    one.note(Did.ACCEPTED, key="a/1", topic=TOPIC, sequence=1)
    for recorder in (one, two):
        recorder.close()
    with (tmp_path / "s").open("ab") as file:
        file.write(b'{"at": 12, "wh')
    events = read_histories([tmp_path / "a", tmp_path / "s"])
    assert [event.did for event in events] == [Did.PUBLISH, Did.SESSION, Did.ACCEPTED]


def test_a_line_that_is_no_history_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nonsense\n")
    with pytest.raises(AssertionError, match="no history"):
        read_histories([tmp_path / "a"])


def test_a_process_started_again_on_its_file_loses_only_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_bytes(b'{"at": 12, "wh')
    again = Recorder(path, "s")
    again.note(Did.SESSION)
    again.close()
    assert [event.did for event in read_histories([path])] == [Did.SESSION]


def at(second: float, who: str, did: Did, statement: str = "", *, until: float = 0) -> Event:
    return Event(
        at=round(second * 1e9),
        who=who,
        did=did,
        statement=statement,
        sequence=1,
        until=round(until * 1e9),
    )


def test_what_is_handed_out_within_a_second_is_in_time() -> None:
    history = [
        at(1.0, "s", Did.CARRIED, "a"),
        at(2.0, "s", Did.BARRED),
        at(2.9, "s", Did.CARRIED, "b"),
        at(9.0, "t", Did.CARRIED, "b"),
        at(9.0, "s", Did.DELIVERED, "b"),
    ]
    assert check_bars(history) == []


def test_a_grant_and_a_recall_that_were_kept_pass() -> None:
    history = [
        at(1.0, "g", Did.GRANTED, "a", until=2.0),
        at(1.5, "g", Did.CARRIED, "a"),
        at(2.9, "g", Did.CARRIED, "a"),
        at(3.1, "g", Did.REFUSED, "a"),
        at(4.0, "s", Did.CARRIED, "a"),
        at(5.0, "o", Did.RECALLED, "a"),
        at(5.9, "s", Did.CARRIED, "a"),
        at(6.1, "s", Did.DELIVERED, "a"),
    ]
    assert check_bars(history) == []
    assert worst_delays(history) == {Kind.OUTLIVED: 0.9, Kind.KEPT: 0.9}


@pytest.mark.parametrize(
    ("bar", "kind"),
    [
        (at(2.0, "s", Did.BARRED), Kind.TOO_LATE),
        (at(2.0, "s", Did.BARRED, "a"), Kind.TOO_LATE),
        (at(1.0, "s", Did.GRANTED, "a", until=2.0), Kind.OUTLIVED),
        (at(2.0, "s", Did.RECALLED, "a"), Kind.KEPT),
        (at(2.0, "o", Did.RECALLED, "a"), Kind.KEPT),
    ],
)
def test_what_is_handed_out_later_is_found(bar: Event, kind: Kind) -> None:
    history = [bar, at(3.1, "s", Did.CARRIED, "a")]
    (found,) = check_bars(history)
    assert (found.kind, found.detail) == (kind, "s got 1 1.10 s after")
    assert worst_delays(history) == {kind: 1.1}


@pytest.mark.parametrize(
    "bar",
    [
        at(2.0, "s", Did.BARRED, "a"),
        at(1.0, "s", Did.GRANTED, "a", until=2.0),
        at(2.0, "o", Did.RECALLED, "a"),
    ],
)
def test_a_bar_on_one_frame_is_none_on_another(bar: Event) -> None:
    assert check_bars([bar, at(9.0, "s", Did.CARRIED, "b")]) == []


def test_the_end_of_one_grant_is_none_of_anothers() -> None:
    history = [at(1.0, "g", Did.GRANTED, "a", until=2.0), at(9.0, "s", Did.CARRIED, "a")]
    assert check_bars(history) == []


@pytest.mark.parametrize("ends", [(2.0, 5.0), (5.0, 2.0)])
def test_the_longest_grant_counts(ends: tuple[float, float]) -> None:
    grants = [at(1.0, "g", Did.GRANTED, "a", until=end) for end in ends]
    assert check_bars([*grants, at(5.9, "g", Did.CARRIED, "a")]) == []
    (found,) = check_bars([*grants, at(6.1, "g", Did.CARRIED, "a")])
    assert found.kind is Kind.OUTLIVED


def test_a_second_recall_gives_no_second_grace() -> None:
    recalls = [at(2.0, "o", Did.RECALLED, "a"), at(3.0, "o", Did.RECALLED, "a")]
    (found,) = check_bars([*recalls, at(3.1, "s", Did.CARRIED, "a")])
    assert found.kind is Kind.KEPT
