# SPDX-License-Identifier: Apache-2.0
"""`tocsin-broker serve`."""

import asyncio
import os
from pathlib import Path

import click

from broker.cli.exits import Exit
from broker.cli.framework import DIR, command, show
from broker.cli.interrupts import interrupts_end_at_once
from broker.config import load_config

_ONLY_TLS_1_3 = "AES128-SHA"
"""gRPC has no option to refuse TLS 1.2. Cipher suites of TLS 1.3 are apart from this list, and the
one suite in it needs an RSA certificate, which the broker does not have: a handshake below 1.3
fails for want of a common suite. The gate checks the version of each call all the same."""


@command(
    "serve",
    "tocsin-broker serve /var/lib/tocsin",
    "tocsin-broker serve ./broker --listen 127.0.0.1:0    a free port, written to ./broker/address",
)
@click.argument("folder", metavar="DIR", type=DIR)
@click.option("--listen", metavar="HOST:PORT", help="over listen in broker.toml")
@click.pass_context
def serve(context: click.Context, folder: Path, listen: str | None) -> int:
    """Serve until SIGTERM or Ctrl-C; streams are told, commits are finished, then it ends.

    Prints one line when clients can connect, and writes the address to DIR/address. Events go to
    standard error as JSON lines.
    """
    interrupts_end_at_once()  # until `serve_folder` heeds signals itself
    os.environ.setdefault("GRPC_SSL_CIPHER_SUITES", _ONLY_TLS_1_3)  # read when grpc is imported
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # handshakes that fail are not news
    from broker.bootstrap.folder import DataFolder  # noqa: PLC0415 - after the line above
    from broker.bootstrap.serving import Ending, Serving  # noqa: PLC0415
    from broker.bootstrap.serving import serve as serve_folder  # noqa: PLC0415
    from broker.telemetry import configure_logging  # noqa: PLC0415

    data = DataFolder(folder)
    data.check_exists()
    config = load_config(folder, listen=listen)
    configure_logging(config.log_level)

    def ready(serving: Serving) -> None:
        body = {"event": "ready", "address": serving.address, "federation": serving.federation}
        lines = [f"ready on {serving.address}"]
        if not serving.federation:
            lines.append("no federation is loaded: nobody can connect yet")
        show(context, "serve", body, lines)

    codes = {
        Ending.TERMINATED: Exit.DONE,
        Ending.INTERRUPTED: Exit.INTERRUPTED,
        Ending.STORE_FAILED: Exit.FAILED,
    }
    return codes[asyncio.run(serve_folder(data, config, ready))]
