"""Logins against a real LDAP server."""

import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from echo.accounts.federation.directory import Directory, identity_of
from echo.accounts.federation.identity import Identity, Refused
from echo.settings.sign_in import LdapSettings
from storage.core.database import Database
from tests.conftest import Client
from tests.support.slapd import ADMIN, ADMIN_PASSWORD, BASE, Slapd, password_of, slapd

OF_ADA = Identity("ldap", "ada", "ada@example.com", True, "Ada Lovelace", "Ada")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slapd]:
    with slapd(tmp_path_factory.mktemp("slapd")) as running:
        yield running


@pytest.fixture
def left_connections() -> Iterator[None]:
    """ldap3 leaves a connection that comes to nothing to Python's collector, which must not complain elsewhere."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def directory(server: Slapd, **changes: Any) -> Directory:
    usual = {"url": server.url, "search_base": BASE, "bind_dn": ADMIN, "bind_credentials": ADMIN_PASSWORD}
    return Directory(LdapSettings(**{**usual, **changes}))


def refusal(found: Directory, name: str, password: str) -> str:
    with pytest.raises(Refused) as why:
        found.identify(name, password)
    return why.value.code


def test_an_address_and_its_password(server: Slapd) -> None:
    assert directory(server).identify("ada@example.com", password_of("ada")) == OF_ADA


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada@example.com", "wrong"),
        ("ada@example.com", ""),
        ("", password_of("ada")),
        ("nobody@example.com", password_of("ada")),
        ("*", password_of("ada")),
        ("*@example.com", password_of("ada")),
        ("ada@example.com)(uid=*", password_of("ada")),
        ("ada@example.com\x00", password_of("ada")),
        ("ada@example.com", password_of("ada") + "\x00"),
        ("a" * 321, password_of("ada")),
        ("ada@example.com", ADMIN_PASSWORD),
    ],
    ids=[
        "password",
        "no-password",
        "no-name",
        "nobody",
        "all",
        "some",
        "filter",
        "nul",
        "nul2",
        "long",
        "own",
    ],
)
def test_who_does_not_come_in(server: Slapd, name: str, password: str) -> None:
    assert refusal(directory(server), name, password) == "wrong_credentials"


def test_a_user_name_with_letters_that_a_filter_knows(server: Slapd) -> None:
    by_name = directory(server, search_filter="(&(objectClass=person)(uid={{username}}))")
    assert by_name.identify("bo*b", password_of("bo*b")).email == "star@example.com"
    assert refusal(by_name, "bo*", password_of("bo*b")) == "wrong_credentials"


def test_the_user_binds_without_anybody_elses_credentials(server: Slapd) -> None:
    own = directory(
        server,
        bind_dn="uid={{username}},ou=people," + BASE,
        bind_credentials=None,
        search_filter="uid={{username}}",
    )
    assert own.identify("ada", password_of("ada")) == OF_ADA
    assert refusal(own, "ada", "wrong") == "wrong_credentials"
    assert refusal(own, "ada,ou=people", password_of("ada")) == "wrong_credentials"


@pytest.mark.parametrize(
    "changes",
    [
        lambda server: {"url": server.tls_url, "ca_file": server.certificate},
        lambda server: {"start_tls": True, "ca_file": server.certificate},
        lambda server: {"url": server.tls_url, "verify_tls": False},
    ],
    ids=["ldaps", "starttls", "unverified"],
)
def test_over_tls(server: Slapd, changes: Callable[[Slapd], dict[str, Any]]) -> None:
    assert directory(server, **changes(server)).identify("ada@example.com", password_of("ada")) == OF_ADA


@pytest.mark.parametrize(
    "changes",
    [
        lambda server: {"url": server.tls_url},
        lambda server: {"start_tls": True},
        lambda server: {"url": "ldap://127.0.0.1:1"},
        lambda server: {"search_base": "dc=elsewhere"},
    ],
    ids=["ldaps", "starttls", "nothing-there", "no-such-base"],
)
@pytest.mark.usefixtures("left_connections")
def test_a_directory_that_is_not_the_right_one(
    server: Slapd, changes: Callable[[Slapd], dict[str, Any]]
) -> None:
    found = directory(server, **changes(server))
    assert refusal(found, "ada@example.com", password_of("ada")) == "login_failed"


def test_the_servers_own_credentials_that_are_wrong_are_nobodys_password(server: Slapd) -> None:
    found = directory(server, bind_credentials="wrong")
    assert refusal(found, "ada@example.com", password_of("ada")) == "login_failed"


@pytest.mark.parametrize(
    ("attributes", "changes", "identity"),
    [
        (
            {"uid": ["u"], "mail": ["a@x.com", "b@x.com"], "cn": "C", "givenName": b"G"},
            {},
            Identity("ldap", "u", "a@x.com", True, "C", "G"),
        ),
        (
            {"employeeNumber": "7", "uid": "u", "SN": "S", "givenName": "G", "post": "p@x.com", "mail": []},
            {
                "id_attribute": "employeenumber",
                "email_attribute": "post",
                "username_attribute": "uid",
                "name_attributes": ("givenName", "sn"),
            },
            Identity("ldap", "7", "p@x.com", True, "G S", "u"),
        ),
        ({"sAMAccountName": "s"}, {}, Identity("ldap", "s", None, False, "", "")),
    ],
)
def test_which_attribute_is_what(
    attributes: dict[str, Any], changes: dict[str, Any], identity: Identity
) -> None:
    assert identity_of(attributes, LdapSettings("ldap://x", BASE, **changes)) == identity


@pytest.mark.usefixtures("left_connections")
def test_the_operation_logs_in_whom_the_directory_knows(
    running: Any, server: Slapd, make_application: Callable[..., Client], app_database: Database
) -> None:
    environ = {
        "LDAP_URL": server.url,
        "LDAP_USER_SEARCH_BASE": BASE,
        "LDAP_BIND_DN": ADMIN,
        "LDAP_BIND_CREDENTIALS": ADMIN_PASSWORD,
        "LDAP_SEARCH_FILTER": "(|(uid={{username}})(mail={{username}}))",
        "LDAP_LOGIN_USES_USERNAME": "true",
    }
    echo = make_application(**environ)
    shown = echo.get("/chat/api/config").json()
    assert (shown["ldap"], shown["registrationEnabled"]) == ({"enabled": True, "username": True}, False)
    body = {"email": "ada", "password": password_of("ada")}
    user = echo.post("/chat/api/auth/login", json=body).json()["user"]
    assert (user["provider"], user["email"], user["name"]) == ("ldap", "ada@example.com", "Ada Lovelace")
    again = echo.post("/api/auth/login", json={**body, "email": "ada@example.com"})
    assert again.json()["user"]["id"] == user["_id"]
    for name, password, code in (
        ("ada", "wrong", "wrong_credentials"),
        ("nomail", password_of("nomail"), "wrong_credentials"),
    ):
        answer = echo.post("/chat/api/auth/login", json={"email": name, "password": password})
        assert (answer.status_code, answer.json()["code"]) == (401, code)
    away = make_application(**{**environ, "LDAP_URL": "ldap://127.0.0.1:1"})
    answer = away.post("/chat/api/auth/login", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "directory_unavailable")
