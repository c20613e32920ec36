# SPDX-License-Identifier: Apache-2.0
"""Sending what we say, give and take back about published notices: once, durably, in order.

What is sent is kept before it is tried, and after an unknown outcome the same bytes go again,
whichever process of the profile tries; what a newer key or date cures is sealed anew. What nobody
will ever take becomes a finding. Source: docs/protocol.md section 21.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence

from agency_client.domain.delivery import LogReference
from agency_client.domain.findings import Finding, FindingKind
from agency_client.domain.outbox import Remedy, remedy
from agency_client.domain.post import PostItem, PostKind, PostState
from agency_client.domain.records import Evidence
from agency_client.errors import AgencyError, Reason
from agency_client.ports.broker import Broker
from agency_client.ports.clock import Clock
from agency_client.ports.store import Store
from agency_client.services.directory import DirectoryService
from agency_client.services.letters import sealed_grant, sealed_letter, signed_letter
from agency_client.services.references import row_at
from keys.grants import SignedGrant
from keys.recalls import SignedRecall
from keys.signers import Signing

AT_ONCE = 100
"""Items looked at before others have their turn."""

SOON_SECONDS = 3.0
"""How long somebody in a hurry waits for the broker; else it is sent later."""

Assertions = Callable[[bytes], Sequence[str]]
"""Returns, for a RECALL, what the gateway asserts of the two persons behind it."""

_STALE = frozenset({Reason.RESEAL_REQUIRED, Reason.CLOCK_SKEW})
"""Refusals of bytes that are too old."""
_PASSING = frozenset({Reason.LIMIT_EXCEEDED, Reason.STORE_FAILED, Reason.STORE_INVALID})
"""Not the item's fault: too much at once, or our own disk."""


class Post:
    """Sends for one profile."""

    def __init__(
        self,
        *,
        broker: Broker,
        store: Store,
        directory: DirectoryService,
        signing: Signing,
        assertions: Assertions,
        clock: Clock,
    ) -> None:
        self._broker = broker
        self._store = store
        self._directory = directory
        self._signing = signing
        self._assertions = assertions
        self._clock = clock
        self._turn = asyncio.Lock()

    async def put(self, items: Sequence[PostItem]) -> Sequence[PostItem]:
        """Keep what is to be sent, durably, and try once to send it.

        Returns:
            The items as they are kept now: taken, or waiting because the broker is not there.

        Raises:
            AgencyError: why the broker will never take one of them; or of the store.
        """
        numbers = await asyncio.to_thread(self._store.post.add, items)
        await self.try_send()
        kept = await asyncio.to_thread(self._store.post.items, numbers)
        for item in kept:
            if item.state is PostState.REFUSED:
                raise AgencyError(Reason(item.reason), item.message)
        return kept

    async def try_send(self) -> None:
        """Try once to send what waits; what is not taken soon stays for whoever tries again."""
        with contextlib.suppress(AgencyError, TimeoutError):
            async with asyncio.timeout(SOON_SECONDS):
                await self.send()

    async def send(self) -> int:
        """Send what waits, oldest first; return how many the broker took.

        What it refuses for good is kept as refused, and the next are sent; so are they after one
        that sealing anew did not cure yet.

        Raises:
            AgencyError: the broker's reason, where trying again later may help; or of the store.
        """
        async with self._turn:
            taken, uncured = 0, None
            for item in await asyncio.to_thread(self._store.post.waiting, AT_ONCE):
                try:
                    await self._send(item)
                except AgencyError as error:
                    if error.reason in _STALE and item.kind is not PostKind.RECALL:
                        uncured = error
                    else:
                        await asyncio.to_thread(self._refused, item, error)
                else:
                    taken += 1
            if uncured is not None:
                raise uncured
            return taken

    async def _send(self, item: PostItem) -> None:
        """Have one taken; what is too old is sealed anew, once, after a look at the directory."""
        ready = await asyncio.to_thread(self._ready, item)
        try:
            await self._deliver(ready)
        except AgencyError as error:
            if error.reason not in _STALE or item.kind is PostKind.RECALL:
                raise
            await self._directory.sync()
            bare = await asyncio.to_thread(self._store.post.forget_sealed, ready)
            await self._deliver(await asyncio.to_thread(self._ready, bare))

    async def _deliver(self, item: PostItem) -> None:
        log = await self._submit(item)
        now = self._clock.now_ms()
        await asyncio.to_thread(self._store.post.set_accepted, item.number, log, now)

    def _ready(self, item: PostItem) -> PostItem:
        """Return an item with the bytes to send, which are durable before they are tried."""
        if item.signed:
            return item
        federation, signer, now = self._directory.current, self._signing(), self._clock.now_ms()
        if item.kind is PostKind.GRANT:
            sealed = sealed_grant(item, self._content_key(item), federation, signer, now)
        else:
            sealed = sealed_letter(item, federation, signer, now)
        return self._store.post.set_sealed(sealed)

    def _content_key(self, item: PostItem) -> bytes:
        row = row_at(self._store, item.place)
        return row.content_key if row is not None else b""

    async def _submit(self, item: PostItem) -> LogReference:
        match item.kind:
            case PostKind.GRANT:
                return await self._broker.submit_grant(
                    SignedGrant(grant=item.signed, wrap=item.cargo, signature=item.signature)
                )
            case PostKind.RECALL:
                recall = SignedRecall(recall=item.signed, signature=item.signature)
                said = await asyncio.to_thread(self._assertions, item.signed)
                return await self._broker.submit_recall(recall, said)
            case _:
                return await self._broker.submit_letter(signed_letter(item))

    def _refused(self, item: PostItem, error: AgencyError) -> None:
        """Keep, as refused and as a finding, what nobody will take; raise what may yet be taken."""
        is_final = remedy(error.reason, 0) is Remedy.GIVE_UP or error.reason in _STALE
        if not is_final or error.reason in _PASSING:
            raise error
        now = self._clock.now_ms()
        finding = Finding(
            kind=FindingKind.UNTOLD,
            reason=error.reason,
            detail=f"{_WHAT[item.kind]} of {item.originator}/{item.notice_id.hex()} "
            f"was refused for good: {error.message}",
            at_ms=now,
            originator=item.originator,
        )
        self._store.inbox.add_findings([Evidence(finding=finding)])
        self._store.post.set_refused(item.number, error.reason, error.message, now)


_WHAT = {
    PostKind.REQUEST: "our request to pass on the notice",
    PostKind.DECISION: "our decision about passing on the notice",
    PostKind.ATTESTATION: "our answer to the recall",
    PostKind.BREAK_GLASS: "our word of a break-glass",
    PostKind.GRANT: "our grant",
    PostKind.RECALL: "our recall",
}
