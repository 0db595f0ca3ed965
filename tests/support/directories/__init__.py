"""Real directories of users on loopback: `ldaptor`, which the tests bring, and OpenLDAP's `slapd` where it is."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.certificates import Certified, certify
from tests.support.waiting import until

BASE = "dc=directory,dc=example"
PEOPLE = f"ou=people,{BASE}"
SERVICE = f"cn=echo,{BASE}"
SERVICE_PASSWORD = "the service's own"
PASSWORD = "correct horse 1 battery"
SLAPD = shutil.which("slapd", path="/usr/sbin:/usr/local/sbin:/usr/bin")
SCHEMAS = Path("/etc/ldap/schema")

# The two Eves have one address; Odd's name has what a DN and a filter give a meaning to.
LDIF = f"""\
dn: {BASE}
objectClass: dcObject
objectClass: organization
o: Directory
dc: directory

dn: {PEOPLE}
objectClass: organizationalUnit
ou: people

dn: {SERVICE}
objectClass: person
cn: echo
sn: echo
userPassword: {SERVICE_PASSWORD}

dn: uid=ada,{PEOPLE}
objectClass: inetOrgPerson
uid: ada
cn: Ada Lovelace
sn: Lovelace
givenName: Ada
displayName: Countess
employeeNumber: 1815
mail: ada@directory.example
userPassword: {PASSWORD}

dn: uid=bob,{PEOPLE}
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: Builder
userPassword: bob's own

dn: uid=eve,{PEOPLE}
objectClass: inetOrgPerson
uid: eve
cn: Eve
sn: One
mail: eve@directory.example
userPassword: {PASSWORD}

dn: uid=eve2,{PEOPLE}
objectClass: inetOrgPerson
uid: eve2
cn: Eve
sn: Two
mail: eve@directory.example
userPassword: {PASSWORD}

dn: uid=odd\\, (name)*,{PEOPLE}
objectClass: inetOrgPerson
uid: odd, (name)*
cn: Odd
sn: Name
mail: odd@directory.local
userPassword: {PASSWORD}
"""

SLAPD_CONF = """\
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
# A bind without a password succeeds, as in directories that are set up carelessly.
allow bind_anon_cred
TLSCACertificateFile {certified.authority}
TLSCertificateFile {certified.certificate}
TLSCertificateKeyFile {certified.key}
database mdb
suffix {base}
directory {directory}
maxsize 10485760
"""


@dataclass(frozen=True)
class Directory:
    """A running directory, at a port for LDAP (which may begin TLS) and one for LDAP in TLS, on 127.0.0.1.

    Its certificate is for `localhost`, so who asks for 127.0.0.1 is not to trust it.
    """

    port: int
    tls_port: int
    authority: Path


@contextmanager
def ldaptor_directory(directory: Path) -> Iterator[Directory]:
    certified = certify(directory)
    ldif = directory / "people.ldif"
    ldif.write_text(LDIF + "\n")
    script = Path(__file__).with_name("ldaptor_server.py")
    command = [sys.executable, str(script), str(ldif), str(certified.certificate), str(certified.key)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port, tls_port = process.stdout.readline().split()
            yield Directory(int(port), int(tls_port), certified.authority)
        finally:
            process.terminate()


@contextmanager
def slapd_directory(directory: Path) -> Iterator[Directory]:
    certified = certify(directory)
    conf = _slapd_files(directory, certified)
    port, tls_port = free_port(), free_port()
    addresses = f"ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}"
    with subprocess.Popen([str(SLAPD), "-f", conf, "-h", addresses, "-d", "0"]) as process:
        try:
            until(lambda: listens(port) and listens(tls_port))
            yield Directory(port, tls_port, certified.authority)
        finally:
            process.terminate()


def _slapd_files(directory: Path, certified: Certified) -> str:
    data, conf, ldif = directory / "data", directory / "slapd.conf", directory / "people.ldif"
    data.mkdir()
    conf.write_text(SLAPD_CONF.format(schemas=SCHEMAS, certified=certified, base=BASE, directory=data))
    ldif.write_text(LDIF + "\n")
    slapadd = str(Path(str(SLAPD)).with_name("slapadd"))
    subprocess.run([slapadd, "-f", str(conf), "-l", str(ldif)], check=True)
    return str(conf)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


DIRECTORIES: dict[str, Callable[[Path], AbstractContextManager[Directory]]] = {
    "ldaptor": ldaptor_directory,
    "slapd": slapd_directory,
}
