# SPDX-License-Identifier: Apache-2.0
"""Somebody else's client: no code of ours, a certificate, a frame as bytes, and a real broker."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest

from keys.envelope import Frame
from keys.tls import to_pem
from tests.integration.attacks import generic_client
from tests.integration.attacks.frames import first
from tests.integration.attacks.served import SECONDS, Served, environment
from tests.simulator.federation import TOPIC

pytestmark = pytest.mark.e2e


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def as_json(frame: Frame) -> dict[str, object]:
    """Return a frame as the JSON of `tocsin.v1.Publication`."""
    return {
        "frameHeader": b64(frame.header),
        "recipients": [b64(one) for one in frame.recipients],
        "wraps": [b64(one) for one in frame.wraps],
        "notices": [
            {"index": index, "header": b64(one.header), "body": b64(one.body)}
            for index, one in enumerate(frame.notices)
        ],
        "statement": b64(frame.statement),
        "signature": b64(frame.signature),
    }


def test_a_client_that_knows_nothing_of_ours_publishes_pulls_and_acknowledges(
    own: Served, tmp_path: Path
) -> None:
    identity = own.federation.agencies["gr-pol"].tls_leaf
    frame = first(own.federation, [b"one", b"two"])
    (tmp_path / "root.pem").write_bytes(to_pem(own.address.root))
    (tmp_path / "leaf.pem").write_bytes(identity.certificate_pem)
    (tmp_path / "key.pem").write_bytes(identity.key_pem)
    (tmp_path / "publication.json").write_text(json.dumps(as_json(frame)), "utf-8")
    ended = subprocess.run(
        [sys.executable, str(generic_client.__file__), f"127.0.0.1:{own.address.port}", tmp_path],
        capture_output=True,
        timeout=SECONDS,
        check=False,
        env=environment(),
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    did = json.loads(ended.stdout)
    assert did["ours"] == []
    assert did["services"] == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "tocsin.v1.AttachmentService",
        "tocsin.v1.DirectoryService",
        "tocsin.v1.LogService",
        "tocsin.v1.MailboxService",
        "tocsin.v1.PublisherService",
        "tocsin.v1.SubscriberService",
    ]
    receipt, (delivery,) = did["published"]["receipt"], did["pulled"]
    place = {"topic": TOPIC, "sequence": receipt["sequence"]}
    assert {name: delivery[name] for name in place} == place
    assert [one["body"] for one in delivery["notices"]] == [b64(one.body) for one in frame.notices]
    assert "delivery" in did["events"]
    assert did["acknowledged"] == {"cursors": [place]}
    assert did["pulled_again"] == {}
