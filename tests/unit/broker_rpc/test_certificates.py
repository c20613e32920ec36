# SPDX-License-Identifier: Apache-2.0
"""The pool of roots that TLS clients may chain to."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from broker.rpc.certificates import enrolled_roots, pool_of
from tests.simulator.federation import build_federation

Identifier = Callable[[x509.Certificate, ec.EllipticCurvePublicKey], x509.SubjectKeyIdentifier]


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


def copied(root: bytes, identifier: Identifier | None, *, with_its_key: bool = False) -> bytes:
    """Return a root with another's name, signed by a key of its own.

    Args:
        root: whose name it takes, DER.
        identifier: which key identifier it has, if any.
        with_its_key: whether it takes the other's public key as well.
    """
    theirs, own = x509.load_der_x509_certificate(root), ec.generate_private_key(ec.SECP256R1())
    public = theirs.public_key() if with_its_key else own.public_key()
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(theirs.subject)
        .issuer_name(theirs.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=99))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    if identifier is not None:
        builder = builder.add_extension(identifier(theirs, own.public_key()), critical=False)
    return builder.sign(own, SHA256()).public_bytes(Encoding.DER)


def theirs(root: x509.Certificate, _: object) -> x509.SubjectKeyIdentifier:
    return root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value


def own(_: object, key: ec.EllipticCurvePublicKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key)


@pytest.mark.must("TLS-8")
@pytest.mark.parametrize(
    ("identifier", "with_its_key"), [(theirs, False), (None, False), (theirs, True)]
)
def test_a_root_that_could_pass_for_another_is_left_out(
    identifier: Identifier | None, with_its_key: bool
) -> None:
    world = build_federation(["gr-pol", "ro-pol"])
    whole = pool_of(enrolled_roots(world.directory))
    victim = world.agencies["gr-pol"].tls_root.certificate
    twin = copied(victim, identifier, with_its_key=with_its_key)
    roots = world.agencies["ro-pol"].entry.tls_roots
    world.replace_agency("ro-pol", tls_roots=(twin, *roots))
    assert pool_of(enrolled_roots(world.directory)) == whole


@pytest.mark.must("TLS-8")
def test_a_root_with_anothers_name_and_its_own_key_is_told_apart_and_stays() -> None:
    world = build_federation(["gr-pol", "ro-pol"])
    namesake = copied(world.agencies["gr-pol"].tls_root.certificate, own)
    assert pool_of([namesake]).count(b"BEGIN CERTIFICATE") == 1
