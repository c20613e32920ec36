# SPDX-License-Identifier: Apache-2.0
"""`tocsin steward`: the federation's keys and its directory."""

import click

from agency_client.cli.framework import LazyGroup

_HERE = "agency_client.cli.steward"


@click.group(
    "steward",
    cls=LazyGroup,
    lazy={
        "new-key": (f"{_HERE}_federation:new_key", "make a steward's keys"),
        "create-federation": (f"{_HERE}_federation:create", "make a federation for a broker"),
        "sign": (f"{_HERE}_federation:sign", "sign what another steward proposed"),
        "directory": (f"{_HERE}_directory:show_directory", "who and what is in the federation"),
        "push": (f"{_HERE}_federation:push", "bring the broker and this folder level"),
        "invite": (f"{_HERE}_members:invite", "invite an agency: a file for `tocsin init`"),
        "admit": (f"{_HERE}_entries:admit", "admit an agency, or renew its keys"),
        "rename": (f"{_HERE}_members:rename", "change an agency's name"),
        "member": (f"{_HERE}_members:member", "change its agreement, operations and circles"),
        "merge": (f"{_HERE}_members:merge", "end an agency and name its successor"),
        "operation": (f"{_HERE}_members:joint_operation", "make or change a joint operation"),
        "topic": (f"{_HERE}_entries:topic", "add or change a topic"),
        "rules": (f"{_HERE}_rules:rules", "check, compare, sign and show rule books"),
        "lock": (f"{_HERE}_entries:lock", "cut an agency off at once; one steward suffices"),
        "unlock": (f"{_HERE}_entries:unlock", "lift a lock"),
        "retire": (f"{_HERE}_entries:retire", "end an agency's part for good"),
        "revoke": (f"{_HERE}_revoke:revoke", "end a key that somebody else may hold"),
    },
    examples=(
        "tocsin steward create-federation --name Demo --as alpha --as beta --broker broker.json",
        "tocsin steward admit gr-pol.request --circle police",
        "tocsin steward lock gr-pol --reason 'laptop stolen' --broker broker.example:7443",
    ),
)
def steward() -> None:
    """Create a federation; admit, lock, unlock and retire its agencies; sign its rules.

    Every act is an entry that stewards sign. With --broker HOST:PORT it is in force at once;
    without, it goes into HOME/federation.json for the broker's operator to load.
    """
