"""Certificates of an authority of the tests' own, for servers that they start."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Certified:
    """The files of one server: the authority's certificate, its own, and its key."""

    authority: Path
    certificate: Path
    key: Path


def certify(directory: Path, host: str = "localhost") -> Certified:
    """A server of that name, and an authority that says so."""
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = certificate("Tests", authority_key, "Tests", authority_key, is_authority=True)
    own = certificate(host, key, "Tests", authority_key)
    files = Certified(directory / "authority.pem", directory / "server.pem", directory / "server.key")
    files.authority.write_bytes(pem(authority))
    files.certificate.write_bytes(pem(own))
    files.key.write_bytes(key_pem(key))
    return files


def certificate(
    name: str,
    key: Key,
    issuer: str,
    issuer_key: Key,
    *,
    is_authority: bool = False,
) -> x509.Certificate:
    """A certificate that is good for a day."""
    today = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(hours=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
    )
    if not is_authority:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return builder.sign(issuer_key, hashes.SHA256())


def pem(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.PEM)


def key_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
