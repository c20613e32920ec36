# SPDX-License-Identifier: Apache-2.0
"""Calls to a broker under test: channels with a member's certificate, and what a refusal says."""

from dataclasses import dataclass

import grpc
from google.rpc import error_details_pb2, status_pb2

from keys.tls import CertifiedKey, to_pem
from tests.simulator.federation import Federation


@dataclass(frozen=True)
class Address:
    """Where a broker under test listens, and the federation it serves."""

    federation: Federation
    port: int

    @property
    def root(self) -> bytes:
        return self.federation.broker.tls_root.certificate

    def channel(self, identity: CertifiedKey | None) -> grpc.aio.Channel:
        root = to_pem(self.root)
        if identity is None:
            credentials = grpc.ssl_channel_credentials(root)
        else:
            credentials = grpc.ssl_channel_credentials(
                root, identity.key_pem, identity.certificate_pem
            )
        options = (
            ("grpc.ssl_target_name_override", "broker.tocsin"),
            ("grpc.max_send_message_length", 16 << 20),
        )
        return grpc.aio.secure_channel(f"127.0.0.1:{self.port}", credentials, options)

    def agency(self, name: str) -> grpc.aio.Channel:
        return self.channel(self.federation.agencies[name].tls_leaf)

    def steward(self, name: str = "alpha") -> grpc.aio.Channel:
        leaves = {steward.name: steward.tls_leaf for steward in self.federation.stewards}
        return self.channel(leaves[name])


def told(error: grpc.aio.AioRpcError) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    """Return code, reason and metadata of a refusal."""
    trailing = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailing["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    assert info.domain == "tocsin"
    assert status.code == error.code().value[0]
    assert status.message == error.details()
    return error.code(), info.reason, dict(info.metadata)
