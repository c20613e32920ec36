# SPDX-License-Identifier: Apache-2.0
"""Puts the services together over a store, a clock and a source of randomness."""

from dataclasses import dataclass

from broker.domain.limits import Settings
from broker.ports.clock import Clock
from broker.ports.entropy import Entropy
from broker.ports.store import Store
from broker.services.attachments import Attachments
from broker.services.choosing import Choosing
from broker.services.delivering import Delivering
from broker.services.destroyed import Destroyed
from broker.services.directory_keeping import DirectoryKeeping
from broker.services.expiring import Expiring
from broker.services.fetching import Fetching
from broker.services.logs import Logs
from broker.services.mailbox import Mailbox
from broker.services.mailroom import Mailroom
from broker.services.peers import Peers
from broker.services.publishing import Publishing
from broker.services.refusals import Refusals
from broker.services.session import Surroundings
from broker.services.subscriptions import Subscriptions
from broker.services.upkeep import Upkeep
from broker.services.wakeups import Wakeups


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The services of one broker."""

    publishing: Publishing
    subscriptions: Subscriptions
    attachments: Attachments
    directory: DirectoryKeeping
    logs: Logs
    peers: Peers
    upkeep: Upkeep
    mailbox: Mailbox
    destroyed: Destroyed


async def assemble(
    *, store: Store, clock: Clock, entropy: Entropy, log_seed: bytes, settings: Settings
) -> Services:
    """Return the services of a store, with the federation that it holds.

    Args:
        store: open; stays the caller's to close.
        clock: tells the time.
        entropy: of salts.
        log_seed: Ed25519 private key that signs both logs, 32 bytes.
        settings: limits.

    Raises:
        StartError: FEDERATION; the store's federation is not one that this broker can serve.
    """
    wakeups = Wakeups()
    refusals = Refusals(store, clock, entropy, settings)
    directory = DirectoryKeeping(
        store=store,
        clock=clock,
        entropy=entropy,
        log_seed=log_seed,
        refusals=refusals,
        wakeups=wakeups,
        settings=settings,
    )
    await directory.start()
    delivering = Delivering(store, clock, entropy)
    logs = Logs(store=store, clock=clock, entropy=entropy, log_seed=log_seed, directory=directory)
    fetching = Fetching(store=store, directory=directory, delivering=delivering, refusals=refusals)
    around = Surroundings(
        store=store,
        clock=clock,
        directory=directory,
        choosing=Choosing(store, clock),
        delivering=delivering,
        logs=logs,
        settings=settings,
    )
    room = Mailroom(
        store=store,
        clock=clock,
        entropy=entropy,
        directory=directory,
        wakeups=wakeups,
        destroyed=Destroyed(),
        settings=settings,
    )
    return Services(
        publishing=Publishing(
            store=store,
            clock=clock,
            entropy=entropy,
            directory=directory,
            refusals=refusals,
            wakeups=wakeups,
            settings=settings,
        ),
        subscriptions=Subscriptions(around, fetching=fetching, refusals=refusals, wakeups=wakeups),
        attachments=Attachments(
            store=store,
            clock=clock,
            directory=directory,
            fetching=fetching,
            settings=settings,
        ),
        directory=directory,
        logs=logs,
        peers=Peers(directory, clock, refusals),
        upkeep=Upkeep(store, clock, refusals, Expiring(room), settings),
        mailbox=Mailbox(room, refusals),
        destroyed=room.destroyed,
    )
