# SPDX-License-Identifier: Apache-2.0
"""Which of our own attachments the broker has, and where their ciphertexts lie."""

from pathlib import Path

import pytest

from agency_client.errors import AgencyError, Reason
from agency_client.store.profile_store import ProfileStore
from tests.unit.agency_store.samples import digest, ident


def test_an_attachment_is_pending_until_it_is_uploaded(store: ProfileStore) -> None:
    first, second = ident("first"), ident("second")
    store.attachments.add(first, digest("first"), 10)
    store.attachments.add(second, digest("second"), 20)
    store.attachments.set_uploaded(first, uploaded=True)
    assert store.attachments.pending([first, second]) == ((second, digest("second"), 20),)


def test_an_attachment_that_the_broker_lost_is_pending_again(store: ProfileStore) -> None:
    store.attachments.add(ident("first"), digest("first"), 10)
    store.attachments.set_uploaded(ident("first"), uploaded=True)
    store.attachments.set_uploaded(ident("first"), uploaded=False)
    assert len(store.attachments.pending([ident("first")])) == 1


def test_an_unknown_attachment_is_not_pending(store: ProfileStore) -> None:
    store.attachments.set_uploaded(ident("unknown"), uploaded=True)
    assert store.attachments.pending([ident("unknown")]) == ()
    assert store.attachments.pending([]) == ()


def test_an_attachment_is_added_once_and_the_first_stays(store: ProfileStore) -> None:
    store.attachments.add(ident("first"), digest("first"), 10)
    with pytest.raises(AgencyError, match="with this id is in the outbox") as caught:
        store.attachments.add(ident("first"), digest("other"), 11)
    assert caught.value.reason is Reason.ALREADY_EXISTS
    assert store.attachments.pending([ident("first")]) == ((ident("first"), digest("first"), 10),)


def test_a_ciphertext_lies_under_its_id_in_the_profile(store: ProfileStore, folder: Path) -> None:
    path = store.attachments.path(ident("first"))
    assert path == folder / "attachments" / ident("first").hex()
