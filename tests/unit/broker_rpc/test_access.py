# SPDX-License-Identifier: Apache-2.0
"""Every method of every service has its row in the access table."""

from typing import Any

import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from broker.domain.peers import PeerKind
from broker.errors import BrokerError, Reason
from broker.rpc.access import ACCESS, check_access
from broker.rpc.server import FILES

DESCRIPTORS: tuple[Any, ...] = (*FILES, health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR)
METHODS = [
    f"/{service.full_name}/{method.name}"
    for file in DESCRIPTORS
    for service in file.services_by_name.values()
    for method in service.methods
]
SUBMIT_ENTRY = "/tocsin.v1.DirectoryService/SubmitEntry"
SUBMIT_ROOT = "/tocsin.v1.DirectoryService/SubmitRoot"


def test_the_table_has_a_row_for_each_method_and_no_other() -> None:
    assert sorted(ACCESS) == sorted(METHODS)


def test_agencies_may_call_everything_but_submit_a_root() -> None:
    allowed = {method for method, kinds in ACCESS.items() if PeerKind.AGENCY in kinds}
    assert allowed == set(METHODS) - {SUBMIT_ROOT, "/grpc.health.v1.Health/List"}


@pytest.mark.parametrize("kind", [PeerKind.AUDITOR, PeerKind.STEWARD])
def test_who_is_no_agency_reads_directory_and_log_alone(kind: PeerKind) -> None:
    services = {method.split("/")[1] for method, kinds in ACCESS.items() if kind in kinds}
    assert services == {
        "tocsin.v1.DirectoryService",
        "tocsin.v1.LogService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


@pytest.mark.parametrize(
    ("kind", "method"),
    [
        (PeerKind.AUDITOR, SUBMIT_ENTRY),
        (PeerKind.AUDITOR, SUBMIT_ROOT),
        (PeerKind.AGENCY, SUBMIT_ROOT),
    ],
)
def test_an_auditor_submits_nothing_and_an_agency_no_root(kind: PeerKind, method: str) -> None:
    with pytest.raises(BrokerError) as refused:
        check_access(method, kind)
    assert refused.value.reason is Reason.DENIED


@pytest.mark.parametrize("kind", PeerKind)
def test_a_method_without_a_row_is_refused_to_everyone(kind: PeerKind) -> None:
    with pytest.raises(BrokerError) as refused:
        check_access("/tocsin.v1.PublisherService/Unpublish", kind)
    assert refused.value.reason is Reason.DENIED
