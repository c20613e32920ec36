# SPDX-License-Identifier: Apache-2.0
"""What an argument may hold is told before anything is done, with what was probably meant."""

from pathlib import Path

import click
import pytest

from agency_client.cli.parameters import Code, InputFile, Instant, Seconds

LONG = Code([f"CODE-{number}" for number in range(20)], name="type")
SHORT = Code(["POLICE", "NGO"], name="kind")


@pytest.mark.parametrize("typed", ["POLICE", "police", "Police"])
def test_a_code_may_be_typed_in_any_case(typed: str) -> None:
    assert SHORT.convert(typed, None, None) == "POLICE"


@pytest.mark.parametrize(
    ("codes", "typed", "told"),
    [
        (SHORT, "polce", "there is no kind 'polce'; did you mean POLICE?"),
        (SHORT, "xyz", "there is no kind 'xyz'; expected one of POLICE, NGO"),
        (LONG, "xyz", "there is no type 'xyz'"),
        (LONG, "code-1x", "there is no type 'code-1x'; did you mean CODE-1?"),
    ],
)
def test_an_unknown_code_is_refused_with_the_nearest(codes: Code, typed: str, told: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        codes.convert(typed, None, None)
    assert caught.value.message.startswith(told)


def test_the_help_lists_a_short_table_and_names_a_long_one() -> None:
    command = click.Command(
        "x", params=[click.Option(["--kind"], type=SHORT), click.Option(["--type"], type=LONG)]
    )
    text = command.get_help(click.Context(command))
    assert "--kind [POLICE|NGO]" in text
    assert "--type TYPE" in text


@pytest.mark.parametrize(("typed", "seconds"), [("0", 0.0), ("0.5", 0.5), ("86400", 86_400.0)])
def test_seconds_are_a_number(typed: str, seconds: float) -> None:
    assert Seconds().convert(typed, None, None) == seconds


@pytest.mark.parametrize("typed", ["nan", "inf", "-inf", "-1", "86401", "soon", ""])
def test_what_nobody_can_wait_for_is_refused(typed: str) -> None:
    with pytest.raises(click.BadParameter):
        Seconds().convert(typed, None, None)


def test_a_file_must_be_there_and_be_none_of_the_folders(tmp_path: Path) -> None:
    path = tmp_path / "notice.json"
    path.touch()
    assert InputFile().convert(str(path), None, None) == path
    with pytest.raises(FileNotFoundError):
        InputFile().convert(str(tmp_path / "none"), None, None)
    with pytest.raises(IsADirectoryError):
        InputFile().convert(str(tmp_path), None, None)


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("2027-01-31", 1_801_439_999_999),
        ("2027-01-31T18:00Z", 1_801_418_400_000),
        ("2027-01-31T18:00:00+02:00", 1_801_411_200_000),
    ],
)
def test_a_day_means_its_end_and_an_instant_itself(text: str, time_ms: int) -> None:
    assert Instant().convert(text, None, None) == time_ms


@pytest.mark.parametrize("text", ["", "tomorrow", "31.01.2027", "2027-02-30", "1969-12-31"])
def test_what_is_no_date_is_told_with_one_that_is(text: str) -> None:
    with pytest.raises(click.BadParameter, match="2027-01-31"):
        Instant().convert(text, None, None)
