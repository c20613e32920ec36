# SPDX-License-Identifier: Apache-2.0
"""The pool of roots that TLS clients may chain to."""

from broker.rpc.certificates import enrolled_roots, pool_of
from tests.simulator.federation import build_federation


def test_the_pool_holds_the_roots_of_agencies_and_stewards() -> None:
    world = build_federation(["gr-pol"])
    pool = pool_of(enrolled_roots(world.directory))
    roots = [world.agencies["gr-pol"].tls_root, *(steward.tls_root for steward in world.stewards)]
    assert all(root.certificate_pem in pool for root in roots)
    assert pool.count(b"BEGIN CERTIFICATE") == 3


def test_a_root_that_is_no_certificate_keeps_nobody_else_out() -> None:
    world = build_federation(["gr-pol", "ro-pol"])
    whole = pool_of(enrolled_roots(world.directory))
    own = world.agencies["ro-pol"].entry.tls_roots
    world.replace_agency("ro-pol", tls_roots=(*own, b"no certificate"))
    assert pool_of(enrolled_roots(world.directory)) == whole
