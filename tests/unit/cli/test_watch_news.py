# SPDX-License-Identifier: Apache-2.0
"""While somebody watches, news of the members are told; trouble with them stops nothing."""

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from agency_client.bootstrap import Agency
from agency_client.cli import watch
from agency_client.cli.output import Printer
from agency_client.domain.partners import NewsKind, PartnerNews
from agency_client.errors import AgencyError, Reason

JOINED = PartnerNews(kind=NewsKind.JOINED, agency="bg-pol", name="Police of Bulgaria")
TROUBLE = AgencyError(Reason.DIRECTORY_INVALID, "the broker serves a directory that is refused")


class Membership:
    """Answers one after the other, then says that all were asked for, and never again."""

    def __init__(self, answers: Sequence[tuple[PartnerNews, ...] | BaseException]) -> None:
        self.answers = list(answers)
        self.asked_all = asyncio.Event()

    async def news(self, *, told: bool) -> tuple[PartnerNews, ...]:
        assert told
        if not self.answers:
            self.asked_all.set()
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class Opened:
    """An open agency that has nothing but a membership."""

    def __init__(self, membership: Membership) -> None:
        self.membership = membership


def opened(membership: Membership) -> Agency:
    return cast("Agency", Opened(membership))


async def told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *answers: tuple[PartnerNews, ...] | BaseException,
) -> list[str]:
    """Watch until every answer was asked for; return what was said."""
    monkeypatch.setattr(watch, "NEWS_SECONDS", 0)
    membership = Membership(answers)
    telling = watch._telling_news(opened(membership), Printer(as_json=False))
    async with asyncio.timeout(10), telling:
        await membership.asked_all.wait()
    return capsys.readouterr().err.splitlines()


async def test_a_new_member_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (line,) = await told(monkeypatch, capsys, (), (JOINED,), ())
    assert "new member bg-pol" in line


async def test_the_same_trouble_is_told_once_and_news_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    trouble, news = await told(monkeypatch, capsys, TROUBLE, TROUBLE, (JOINED,))
    assert TROUBLE.message in trouble
    assert "new member bg-pol" in news


async def test_a_program_that_watches_leaves_the_news_to_people(
    capsys: pytest.CaptureFixture[str],
) -> None:
    membership = Membership([(JOINED,)])
    async with watch._telling_news(opened(membership), Printer(as_json=True)):
        await asyncio.sleep(0)
    assert membership.answers == [(JOINED,)]
    assert capsys.readouterr().err == ""


async def test_what_nobody_expected_is_not_swallowed() -> None:
    membership = Membership([ZeroDivisionError("planted")])
    with pytest.raises(ZeroDivisionError):
        await watch._tell_news(opened(membership), Printer(as_json=False))
