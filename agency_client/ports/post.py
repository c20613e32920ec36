# SPDX-License-Identifier: Apache-2.0
"""Letters, grants, recalls and the end of notices, as the services see them kept.

As `ports.store` in all else: synchronous, thread-safe, durable on return, one transaction a call.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from agency_client.domain.delivery import LogReference
from agency_client.domain.post import Arrived, Ending, Hold, PostItem, PostKind, StandingGrant
from agency_client.domain.records import KnownPlace
from keys.places import NoticePlace


class PostOffice(Protocol):
    """What was sent and received about notices that are published."""

    def after(self) -> int:
        """Return the last place of our mailbox that was filed."""
        ...

    def arrive(self, arrived: Arrived) -> None:
        """Keep what arrived and how far we are; what is kept already stays as it is."""
        ...

    def add(self, items: Sequence[PostItem]) -> Sequence[int]:
        """Keep what is to be sent, in order; return the numbers."""
        ...

    def items(self, numbers: Sequence[int]) -> Sequence[PostItem]:
        """Return items by number, in order of number."""
        ...

    def came(self, after: int, limit: int) -> Sequence[PostItem]:
        """Return what others sent us, of numbers above `after`, oldest first."""
        ...

    def newest(self) -> int:
        """Return the highest number; 0 where there is none."""
        ...

    def waiting(self, limit: int) -> Sequence[PostItem]:
        """Return what is to be sent, oldest first."""
        ...

    def set_sealed(self, item: PostItem) -> PostItem:
        """Keep the bytes under which an item is sent, before they are tried.

        Returns:
            The item with the bytes that were kept first, by whichever process.
        """
        ...

    def forget_sealed(self, item: PostItem) -> PostItem:
        """Forget the bytes of `item`, unless others are kept by now; return it as it is kept."""
        ...

    def set_accepted(self, number: int, log: LogReference, at_ms: int) -> None:
        """Note that the broker has it."""
        ...

    def set_refused(self, number: int, reason: str, message: str, at_ms: int) -> None:
        """Note that the broker will not take it."""
        ...

    def about(self, place: NoticePlace) -> Sequence[PostItem]:
        """Return everything about one notice, oldest first."""
        ...

    def of_kinds(self, kinds: Collection[PostKind], limit: int) -> Sequence[PostItem]:
        """Return items of these kinds, newest first."""
        ...

    def letter(self, letter_id: bytes) -> Sequence[PostItem]:
        """Return requests to us whose letter id begins with these bytes, at most two."""
        ...

    def grants_to_fetch(self, now: int, limit: int) -> Sequence[PostItem]:
        """Return live grants to us whose notice is not kept and was not recalled."""
        ...

    def unanswered(self, limit: int) -> Sequence[PostItem]:
        """Return recalls by others that we have not answered, oldest first."""
        ...

    def answer(self, items: Sequence[PostItem]) -> None:
        """Keep answers to recalls, each unless another process has answered meanwhile."""
        ...

    def add_standing(self, grant: StandingGrant) -> int:
        """Keep a standing grant; return its number."""
        ...

    def standing(self) -> Sequence[StandingGrant]:
        """Return all standing grants, oldest first."""
        ...

    def end_standing(self, number: int, at_ms: int) -> bool:
        """End a standing grant; return whether there was one that had not ended."""
        ...

    def take_own(self, limit: int) -> Sequence[int]:
        """Return rows of our own published notices that no standing grant was applied to yet."""
        ...

    def set_applied(self, rows: Sequence[int], items: Sequence[PostItem]) -> None:
        """Note that standing grants were applied to notices, and keep the grants they made."""
        ...


class Endings(Protocol):
    """The end of what is kept of notices."""

    def places(self, rows: Sequence[int]) -> Mapping[int, NoticePlace]:
        """Return how notices are named in what is signed about them; not those never sealed."""
        ...

    def at(self, place: NoticePlace) -> KnownPlace | None:
        """Return what is known here of the notice at a place, or of its frame alone."""
        ...

    def hold(self, row_id: int, hold: Hold) -> None:
        """Keep a notice from being destroyed; a later hold replaces the one before."""
        ...

    def held(self, row_id: int) -> Hold | None:
        """Return why a notice is kept from being destroyed."""
        ...

    def release(self, row_id: int) -> None:
        """Let a notice be destroyed again."""
        ...

    def due(self, now: int, limit: int) -> Sequence[tuple[int, Ending]]:
        """Return notices that are to be destroyed now, and why: none that are held."""
        ...

    def destroy(self, rows: Sequence[tuple[int, Ending]], at_ms: int) -> None:
        """Destroy content, keys, header, body and index entries of notices, overwriting them.

        What letters and grants about them say goes too; the rows stay, and say why.
        """
        ...

    def settle(self) -> bool:
        """Overwrite what a destruction left in the database's side files; return whether all is."""
        ...
