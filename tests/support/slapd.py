"""A real LDAP server (OpenLDAP's `slapd`) with a few people in it."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import ldap3
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.waiting import until

BASE = "dc=example,dc=com"
ADMIN, ADMIN_PASSWORD = f"cn=echo,{BASE}", "the server's own"
SCHEMAS = Path("/etc/ldap/schema")
MODULES = Path("/usr/lib/ldap")
PEOPLE = {
    "ada": {"cn": "Ada Lovelace", "sn": "Lovelace", "givenName": "Ada", "mail": "ada@example.com"},
    "bob": {"cn": "Bob", "sn": "B", "mail": "bob@example.com"},
    "bo*b": {"cn": "Star", "sn": "S", "mail": "star@example.com"},
    "nomail": {"cn": "Nobody", "sn": "N"},
}


@dataclass(frozen=True)
class Slapd:
    """The running server: its addresses, and the certificate that it shows."""

    url: str
    tls_url: str
    certificate: Path


def password_of(uid: str) -> str:
    return f"password of {uid}"


def find_slapd() -> str:
    found = shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None or not SCHEMAS.is_dir() or not MODULES.is_dir():
        pytest.skip("OpenLDAP's slapd is not installed as Debian installs it")
    return found


@contextmanager
def slapd(directory: Path) -> Iterator[Slapd]:
    """Run it in a directory."""
    program = find_slapd()
    certificate = make_certificate(directory)
    plain, secret = free_port(), free_port()
    server = Slapd(f"ldap://127.0.0.1:{plain}", f"ldaps://127.0.0.1:{secret}", certificate)
    (directory / "data").mkdir()
    (directory / "slapd.conf").write_text(
        "\n".join(
            [
                *(f"include {SCHEMAS}/{name}.schema" for name in ("core", "cosine", "inetorgperson")),
                f"modulepath {MODULES}",
                "moduleload back_mdb",
                f"TLSCertificateFile {certificate}",
                f"TLSCertificateKeyFile {directory / 'key.pem'}",
                "disallow bind_anon",
                "database mdb",
                f'suffix "{BASE}"',
                f'rootdn "{ADMIN}"',
                f'rootpw "{ADMIN_PASSWORD}"',
                f"directory {directory / 'data'}",
                "access to attrs=userPassword by anonymous auth by * none",
                "access to * by users read by * none",
            ]
        )
    )
    process = subprocess.Popen(
        [program, "-d", "0", "-f", str(directory / "slapd.conf"), "-h", f"{server.url}/ {server.tls_url}/"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: answers(plain))
        populate(server)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=20)


def answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def populate(server: Slapd) -> None:
    connection = ldap3.Connection(server.url, ADMIN, ADMIN_PASSWORD, auto_bind=True, raise_exceptions=True)
    connection.add(BASE, ["dcObject", "organization"], {"dc": "example", "o": "Example"})
    connection.add(f"ou=people,{BASE}", "organizationalUnit", {"ou": "people"})
    for uid, fields in PEOPLE.items():
        attributes = {**fields, "uid": uid, "userPassword": password_of(uid)}
        connection.add(f"uid={uid},ou=people,{BASE}", "inetOrgPerson", attributes)
    connection.unbind()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


def make_certificate(directory: Path) -> Path:
    """A certificate of this address's own, and its key beside it."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    path = directory / "certificate.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return path
