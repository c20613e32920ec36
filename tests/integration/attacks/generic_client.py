# SPDX-License-Identifier: Apache-2.0
"""A generic gRPC client, as grpcurl is. Knows nothing but what reflection tells it.

A program of its own that imports none of our code and none that was generated from our protos:

    python generic_client.py HOST:PORT FOLDER

FOLDER holds root.pem, leaf.pem, key.pem and publication.json, a frame as JSON with its bytes in
base64. Prints what it did as one JSON document.
"""

import json
import sys
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

OURS = ("tocsin", "keys", "policy", "broker", "agency_client", "tests")
PUBLISHER, SUBSCRIBER = "tocsin.v1.PublisherService", "tocsin.v1.SubscriberService"


class Client:
    """Calls methods with JSON."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.channel = channel
        self.database: Any = ProtoReflectionDescriptorDatabase(channel)
        self.pool = DescriptorPool(self.database)

    def method(self, service: str, name: str) -> Any:
        return self.pool.FindServiceByName(service).FindMethodByName(name)

    def parsed(self, kind: Any, request: dict[str, Any]) -> Any:
        return json_format.ParseDict(request, GetMessageClass(kind)())

    def call(self, service: str, name: str, request: dict[str, Any]) -> dict[str, Any]:
        found = self.method(service, name)
        unary: Any = self.channel.unary_unary(
            f"/{service}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(found.output_type).FromString,
        )
        answer = unary(self.parsed(found.input_type, request), timeout=20)
        told: dict[str, Any] = json_format.MessageToDict(answer)
        return told

    def first_events(
        self, service: str, name: str, request: dict[str, Any], until: str
    ) -> list[str]:
        found = self.method(service, name)
        stream: Any = self.channel.stream_stream(
            f"/{service}/{name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(found.output_type).FromString,
        )
        kinds: list[str] = []
        answers = stream(iter([self.parsed(found.input_type, request)]), timeout=20)
        for answer in answers:
            kinds.append(answer.WhichOneof("event"))
            if kinds[-1] == until:
                break
        answers.cancel()
        return kinds


def connect(address: str, folder: Path) -> grpc.Channel:
    credentials = grpc.ssl_channel_credentials(
        (folder / "root.pem").read_bytes(),
        (folder / "key.pem").read_bytes(),
        (folder / "leaf.pem").read_bytes(),
    )
    options = (("grpc.ssl_target_name_override", "broker.tocsin"),)
    return grpc.secure_channel(address, credentials, options)


def main(address: str, folder: Path) -> dict[str, Any]:
    with connect(address, folder) as channel:
        client = Client(channel)
        did: dict[str, Any] = {"services": sorted(client.database.get_services())}
        publication = json.loads((folder / "publication.json").read_text("utf-8"))
        did["published"] = client.call(PUBLISHER, "Publish", {"publication": publication})
        wanted = {"subscription": "generic", "filter": {"topics": ["#"]}}
        did["pulled"] = client.call(SUBSCRIBER, "Pull", wanted)["deliveries"]
        opening = {"open": {**wanted, "credit": {"frames": 9, "bytes": 9_999_999}}}
        did["events"] = client.first_events(SUBSCRIBER, "Subscribe", opening, "caught_up")
        last = did["pulled"][-1]
        cursors = [{"topic": last["topic"], "sequence": last["sequence"]}]
        acknowledging = {"subscription": "generic", "cursors": cursors}
        did["acknowledged"] = client.call(SUBSCRIBER, "Acknowledge", acknowledging)
        did["pulled_again"] = client.call(SUBSCRIBER, "Pull", wanted)
    return did


if __name__ == "__main__":
    done = main(sys.argv[1], Path(sys.argv[2]))
    loaded = sorted(name for name in sys.modules if name.split(".")[0] in OURS)
    sys.stdout.write(json.dumps({**done, "ours": loaded}))
