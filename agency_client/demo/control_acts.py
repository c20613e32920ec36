# SPDX-License-Identifier: Apache-2.0
"""What an agency of the demonstration does to keep control of its notices, and as a partner.

Each act calls the library as an agency's own system would, and answers with plain data.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from agency_client.bootstrap import Agency
from agency_client.demo.forgeries import offer_grant
from agency_client.domain.publishable import Publishable
from agency_client.domain.views import Viewer
from agency_client.errors import AgencyError, Reason
from agency_client.services.onward import Terms
from agency_client.services.references import find_one, place_of

Answer = dict[str, Any]
PURPOSE, CASE = "INVESTIGATION", "demonstration"
_LOOK_S = 0.05
_VETTED_MS = 365 * 86_400_000


class ControlActs:
    """The acts of one open agency; officers' passphrases are their names."""

    def __init__(self, agency: Callable[[], Agency]) -> None:
        self._agency = agency
        self.acts: dict[str, Callable[..., Awaitable[Answer]]] = {
            "officer": self._officer,
            "request": self._request,
            "await-request": self._await_request,
            "grant": self._grant,
            "refuse": self._refuse,
            "await-decision": self._await_decision,
            "grant-anyway": self._grant_anyway,
            "recall": self._recall,
            "await-holders": self._await_holders,
            "show": self._show,
            "await-state": self._await_state,
            "break-glass": self._break_glass,
            "await-told": self._await_told,
        }

    async def _officer(self, *, name: str, roles: list[str]) -> Answer:
        record = await self._agency().people.register.add(
            name,
            roles=roles,
            clearance=0,
            vetted_until=time.time_ns() // 1_000_000 + _VETTED_MS,
            passphrase=name.encode(),
            by="demo",
        )
        return {"pseudonym": record.officer.pseudonym}

    async def _request(self, *, notice: str, target: str, why: str) -> Answer:
        asked = await self._agency().onward.request(notice, target, why, (PURPOSE,), viewer())
        return {"request": asked.request_id.hex(), "sent": asked.sent}

    async def _await_request(self, *, request: str, within: float) -> Answer:
        async def found() -> Answer | None:
            for one in await self._agency().onward.requests():
                if one.request_id.hex() == request:
                    return {"by": one.asked_by, "target": one.target, "why": one.why}
            return None

        return await _soon(found, within)

    async def _grant(self, *, request: str) -> Answer:
        given = await self._agency().onward.answer(request, Terms(reason="As asked."), viewer())
        return {"state": given.state.value, "sent": given.sent}

    async def _refuse(self, *, request: str, reason: str) -> Answer:
        refused = await self._agency().onward.refuse(request, reason, viewer())
        return {"state": refused.state.value, "sent": refused.sent}

    async def _await_decision(self, *, request: str, within: float) -> Answer:
        async def found() -> Answer | None:
            for one in await self._agency().onward.requests():
                if one.request_id.hex() == request and one.decided_at:
                    return {"state": one.state.value, "reason": one.reason}
            return None

        return await _soon(found, within)

    async def _grant_anyway(self, *, notice: str, target: str) -> Answer:
        """Admit somebody to another's notice: by our own client, and then past it."""
        agency = self._agency()
        try:
            await agency.onward.grant(notice, target, Terms(), viewer())
            client = ""
        except AgencyError as error:
            client = error.reason
        row = await asyncio.to_thread(find_one, agency.wiring.store.inbox, notice)
        place = await asyncio.to_thread(place_of, agency.wiring.store, row)
        return {"client": client, "broker": await offer_grant(agency, row, place, target)}

    async def _recall(self, *, notice: str, asks: str, approves: str) -> Answer:
        agency = self._agency()
        act = await agency.recalls.ask(notice, "SOURCE_AT_RISK", viewer(asks))
        try:
            await agency.recalls.carry_out(act.act)
            alone = ""
        except AgencyError as error:
            alone = error.reason
        done, is_sent = await agency.people.approve(
            act.digest.hex(), viewer(approves), approves.encode()
        )
        return {"alone": alone, "state": done.state.value, "sent": is_sent}

    async def _await_holders(self, *, notice: str, states: dict[str, str], within: float) -> Answer:
        async def found() -> Answer | None:
            holders = await self._agency().recalls.holders(notice)
            told = {one.agency: one.state.value for one in holders}
            return {"states": told} if told == states else None

        return await _soon(found, within)

    async def _show(self, *, notice: str) -> Answer:
        try:
            view = await self._agency().show(notice, viewer())
        except AgencyError as error:
            return {"state": "", "refused": error.reason, "content": {}}
        return {"state": view.state.value, "refused": "", "content": dict(view.content)}

    async def _await_state(self, *, notice: str, state: str, within: float) -> Answer:
        async def found() -> Answer | None:
            shown = await self._show(notice=notice)
            return shown if shown["state"] == state else None

        return await _soon(found, within)

    async def _break_glass(self, *, notice: str, officer: str) -> Answer:
        view = await self._agency().people.open_in_danger(
            notice, viewer(officer), reason="child seen an hour ago", ticket="EX-4711"
        )
        return {"content": dict(view.content)}

    async def _await_told(self, *, notice: str, within: float) -> Answer:
        async def found() -> Answer | None:
            view = await self._agency().show(notice, viewer())
            for one in view.afterlife.broken:
                return {"by": one.agency, "officer": one.officer, "ticket": one.ticket}
            return None

        return await _soon(found, within)


async def preview(agency: Agency, draft: Publishable) -> Answer:
    """Return who would get a draft, who not and why, and what to mind."""
    view = await agency.preview(draft, viewer())
    return {
        "readers": list(view.admitted),
        "refused": dict(view.refused),
        "warnings": [one.kind.value for one in view.warnings],
    }


def viewer(officer: str = "") -> Viewer:
    """Return who looks, and why."""
    return Viewer(name="demo", officer=officer, purpose=PURPOSE, case=CASE)


async def _soon(found: Callable[[], Awaitable[Answer | None]], within: float) -> Answer:
    """Return what is found, as soon as it is there.

    Raises:
        AgencyError: DEADLINE_EXCEEDED.
    """
    end = time.monotonic() + within
    while (answer := await found()) is None:
        if time.monotonic() >= end:
            raise AgencyError(Reason.DEADLINE_EXCEEDED, f"it did not happen in {within} s")
        await asyncio.sleep(_LOOK_S)
    return answer
