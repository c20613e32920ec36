# SPDX-License-Identifier: Apache-2.0
"""What `tocsin demo --keep DIR` leaves to read: commands that work on the folder."""

import json
import shlex
from pathlib import Path

from agency_client.demo.control_steps import LISTENER
from agency_client.demo.examples import records
from agency_client.demo.world import CASES, GR, World

_TEXT = """\
What the demonstration left
===========================

broker/            the broker's folder: sealed notices and the log; nothing in it can be read
agencies/NAME/     profiles: gr-pol, bg-pol, hr-pro, hr-ngo, and the auditor eu-audit
steward/           keys of the stewards alpha and beta, and the federation file
notice.json        one of the example records
passphrase         opens all of them (each agency would have its own, and keep it elsewhere)

The last step changed one byte of broker/broker.db, so `tocsin audit verify` fails on purpose and
says which entry it was. Everything else works. Once, in each shell:

    export TOCSIN_PASSPHRASE_FILE={folder}/passphrase
    export TOCSIN_PURPOSE=INVESTIGATION TOCSIN_CASE=demonstration

Without the broker:

    tocsin inbox --profile {folder}/agencies/hr-pro --limit 10
    tocsin search Χριστοπουλος --profile {folder}/agencies/hr-pro
    tocsin outbox list --profile {folder}/agencies/gr-pol

With the broker, in a shell of its own:

    tocsin-broker serve {folder}/broker --listen {address}

and then

    tocsin topics --profile {folder}/agencies/bg-pol
    tocsin publish {record} --topic {topic} --as {officer} --profile {folder}/agencies/{by}
    tocsin watch '{topic}' --profile {folder}/agencies/hr-pro
    tocsin audit verify --profile {folder}/agencies/eu-audit
    tocsin steward lock bg-pol --reason exercise --home {folder}/steward --broker {address}

Delete the folder when you are done; nothing is anywhere else.
"""


def write_readme(folder: Path, world: World) -> None:
    """Write DIR/README, and the record that it publishes."""
    record = next(one for one in records() if one["tlp"] != "RED" and "not_for" not in one)
    path = folder / "notice.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    text = _TEXT.format(
        folder=shlex.quote(str(folder)),
        address=world.broker.address,
        topic=CASES,
        record=shlex.quote(str(path)),
        officer=LISTENER,
        by=GR,
    )
    (folder / "README").write_text(text, encoding="utf-8")
