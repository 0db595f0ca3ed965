"""Logins by real directories, and what does not let anybody in."""

import socket
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import patch

import pytest

from echo.accounts.federation import directory as directory_module
from echo.accounts.federation import ldap_client
from echo.accounts.federation.directory import DirectoryCredentials, identity_of
from echo.accounts.federation.ldap_client import Entry
from echo.doctor import begin
from echo.doctor.sign_in import check_directory
from echo.errors import ApiError, Forbidden, ServiceUnavailable, Unauthorized
from echo.settings.directory import LdapSettings, read_ldap
from echo.settings.reader import Reader
from storage.accounts.users import UserRepository
from storage.core.database import Database
from tests.accounts.federation.conftest import MakeAccounts
from tests.support.directories import (
    BASE,
    PASSWORD,
    PEOPLE,
    SERVICE,
    SERVICE_PASSWORD,
    Directory,
    free_port,
)

Make = Callable[..., DirectoryCredentials]
ADA = "ada@directory.example"


def settings(**environ: Any) -> LdapSettings:
    complete = {
        "LDAP_BIND_DN": SERVICE,
        "LDAP_BIND_CREDENTIALS": SERVICE_PASSWORD,
        "LDAP_USER_SEARCH_BASE": PEOPLE,
        **environ,
    }
    found = read_ldap(Reader({name: str(value) for name, value in complete.items()}))
    assert found is not None
    return found


@pytest.fixture
def make(directory: Directory, make_accounts: MakeAccounts) -> Make:
    def credentials(**environ: Any) -> DirectoryCredentials:
        environ.setdefault("LDAP_URL", f"ldap://127.0.0.1:{directory.port}")
        return DirectoryCredentials(settings(**environ), make_accounts())

    return credentials


def refusal(credentials: DirectoryCredentials, name: str, password: str = PASSWORD) -> ApiError:
    with pytest.raises(ApiError) as why:
        credentials.holder(name, password)
    return why.value


def test_the_directory_knows_the_password_and_says_who_it_is(make: Make) -> None:
    user = make().holder(ADA, PASSWORD)
    names = ("provider", "ldapId", "name", "username", "email", "emailVerified", "role")
    assert [user[name] for name in names] == ["ldap", "ada", "Ada Lovelace", "ada", ADA, True, "USER"]
    assert "password" not in user
    assert make().holder(f" {ADA.upper()} ", PASSWORD)["_id"] == user["_id"]


@pytest.mark.parametrize(
    ("name", "password"),
    [
        (ADA, "wrong"),
        (ADA, ""),
        (ADA, f"{PASSWORD}\0"),
        (ADA, "x" * 1025),
        ("", PASSWORD),
        ("nobody@directory.example", PASSWORD),
        ("nobody@directory.example", ""),
        # Two have it.
        ("eve@directory.example", PASSWORD),
        ("*", PASSWORD),
        ("ada*", PASSWORD),
        ("x)(uid=ada", PASSWORD),
        (f"{ADA})(objectClass=*", PASSWORD),
        (f"{ADA}\0", PASSWORD),
        ("a" * 257, PASSWORD),
    ],
)
def test_whatever_is_wrong_reads_the_same(make: Make, name: str, password: str) -> None:
    error = refusal(make(), name, password)
    assert isinstance(error, Unauthorized)
    assert (error.code, error.message) == (
        "wrong_credentials",
        "The e-mail address or the password is wrong.",
    )


def test_a_password_is_tried_also_where_nobody_has_the_name(make: Make) -> None:
    """So that the time does not tell who has an account: the directory is asked as often, for a name of nobody."""
    asked = []
    for name in (ADA, "nobody@directory.example"):
        with patch.object(ldap_client.LdapClient, "_bound", autospec=True) as bound:
            bound.side_effect = ORIGINAL_BOUND
            refusal(make(), name, "wrong")
        asked.append([call.args[1] for call in bound.call_args_list])
    assert asked == [[SERVICE, f"uid=ada,{PEOPLE}"], [SERVICE, f"cn=echo-nobody,{PEOPLE}"]]


ORIGINAL_BOUND = ldap_client.LdapClient._bound


def test_without_an_account_of_its_own_echo_searches_as_nobody(make: Make) -> None:
    credentials = make(LDAP_BIND_DN="", LDAP_BIND_CREDENTIALS="", LDAP_SEARCH_FILTER="(uid={{username}})")
    assert credentials.holder("ada", PASSWORD)["ldapId"] == "ada"


DIRECTLY = {
    "LDAP_BIND_DN": f"uid={{{{username}}}},{PEOPLE}",
    "LDAP_BIND_CREDENTIALS": "",
    "LDAP_SEARCH_FILTER": "uid={{username}}",
}


@pytest.mark.parametrize("name", ["ada", "odd, (name)*"])
def test_who_logs_in_may_bind_directly(make: Make, name: str) -> None:
    assert make(**DIRECTLY).holder(name, PASSWORD)["ldapId"] == name


@pytest.mark.parametrize(
    ("name", "password", "changes"),
    [
        ("ada", "wrong", {}),
        ("ada", "", {}),
        (f"ada,{PEOPLE}", PASSWORD, {}),
        ("ada+cn=Ada Lovelace", PASSWORD, {}),
        # Bob binds as himself, and the filter finds Ada: his password is not hers.
        ("bob", "bob's own", {"LDAP_SEARCH_FILTER": "(|(uid=ada)(uid=no-{{username}}))"}),
    ],
)
def test_a_direct_bind_lets_nobody_in_as_somebody_else(
    make: Make, name: str, password: str, changes: dict[str, str]
) -> None:
    assert refusal(make(**{**DIRECTLY, **changes}), name, password).code == "wrong_credentials"


def test_passwords_go_through_tls_to_the_right_server_only(make: Make, directory: Directory) -> None:
    trusted = {"LDAP_CA_CERT_PATH": directory.authority}
    by_name, by_number = (f"ldaps://{host}:{directory.tls_port}" for host in ("localhost", "127.0.0.1"))
    plain = {"LDAP_URL": f"ldap://localhost:{directory.port}", "LDAP_STARTTLS": "true"}
    for environ in ({"LDAP_URL": by_name, **trusted}, {**plain, **trusted}):
        assert make(**environ).holder(ADA, PASSWORD)["ldapId"] == "ada"
    refused = (
        {"LDAP_URL": by_name},
        {"LDAP_URL": by_number, **trusted},
        plain,
        {**plain, **trusted, "LDAP_URL": f"ldap://127.0.0.1:{directory.port}"},
    )
    for environ in refused:
        error = refusal(make(**environ), ADA)
        assert (error.status, error.code) == (503, "directory_unavailable")
    unchecked = make(LDAP_URL=by_number, LDAP_TLS_REJECT_UNAUTHORIZED="false")
    assert unchecked.holder(ADA, PASSWORD)["ldapId"] == "ada"


def test_an_account_of_echos_own_that_is_not_let_in_is_the_operators_trouble(make: Make) -> None:
    error = refusal(make(LDAP_BIND_CREDENTIALS="wrong"), ADA)
    assert isinstance(error, ServiceUnavailable)
    assert error.message == "The directory of users cannot be asked now."
    assert error.headers["Retry-After"] == "10"


@pytest.fixture
def silent_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("scheme", ["ldap", "ldaps"])
def test_a_directory_that_does_not_answer_is_away(
    make_accounts: MakeAccounts, silent_port: int, scheme: str
) -> None:
    credentials = DirectoryCredentials(
        settings(LDAP_URL=f"{scheme}://127.0.0.1:{silent_port}"), make_accounts()
    )
    with patch.object(ldap_client, "ANSWER_SECONDS", 1):
        assert refusal(credentials, ADA).code == "directory_unavailable"


def test_a_directory_that_is_not_there_is_away(make_accounts: MakeAccounts) -> None:
    credentials = DirectoryCredentials(settings(LDAP_URL=f"ldap://127.0.0.1:{free_port()}"), make_accounts())
    assert refusal(credentials, ADA).code == "directory_unavailable"


def test_a_local_account_is_not_taken_over(make: Make, app_database: Database) -> None:
    address = "odd@directory.local"
    users = app_database.collection("users")
    users.delete_many({"ldapId": "odd, (name)*"})
    users.insert_one({"email": address, "provider": "local"})
    error = refusal(make(), address)
    assert isinstance(error, Forbidden)
    assert (error.code, error.message) == (
        "no_account",
        "An account has this address, or this subject, and another way in.",
    )
    users.delete_one({"email": address})
    user = make().holder(address, PASSWORD)
    assert (user["ldapId"], user["email"]) == ("odd, (name)*", address)


def test_who_has_no_address_gets_one_for_which_nobody_vouches(make: Make, app_database: Database) -> None:
    user = make(LDAP_SEARCH_FILTER="uid={{username}}").holder("bob", "bob's own")
    assert (user["email"], user["emailVerified"], user["username"]) == ("bob@ldap.local", False, "bob")
    assert UserRepository(app_database).find_by_email("bob@ldap.local") is not None


def entry(**attributes: str | list[str]) -> Entry:
    listed = {
        name.lower(): [value] if isinstance(value, str) else value for name, value in attributes.items()
    }
    return Entry("uid=x,dc=example", listed)


@pytest.mark.parametrize(
    ("chosen", "attributes", "expected"),
    [
        ({}, {"uid": "x", "sAMAccountName": "y", "mail": "m@x.example"}, ("x", "m@x.example", "", "m@x.example")),
        ({}, {"sAMAccountName": "y", "mail": "m@x.example"}, ("y", "m@x.example", "", "m@x.example")),
        ({}, {"mail": ["m@x.example", "n@x.example"]}, ("m@x.example", "m@x.example", "", "m@x.example")),
        ({}, {"uid": "x", "name": "N", "displayName": "D", "givenName": "G"}, ("x", "x@ldap.local", "N", "G")),
        (
            {"LDAP_ID": "entryUUID", "LDAP_USERNAME": "UID", "LDAP_EMAIL": "other", "LDAP_FULL_NAME": "GN, sn"},
            {"entryUUID": "1-2", "uid": "x", "mail": "m@x.example", "other": "o@x.example", "gn": "G", "sn": "S"},
            ("1-2", "o@x.example", "G S", "x"),
        ),
        # The id that the operator has chosen, or none.
        ({"LDAP_ID": "entryUUID"}, {"uid": "x", "cn": "C"}, ("", "@ldap.local", "C", "")),
        ({"LDAP_ID": "dn"}, {"uid": "x", "cn": "C"}, ("uid=x,dc=example", "uid=x,dc=example@ldap.local", "C", "")),
    ],
)  # fmt: skip
def test_what_is_taken_from_an_entry(
    chosen: dict[str, str], attributes: dict[str, Any], expected: tuple[str, str, str, str]
) -> None:
    identity = identity_of(settings(LDAP_URL="ldap://localhost", **chosen), entry(**attributes))
    assert (identity.subject, identity.email, identity.name, identity.username) == expected


def test_a_name_is_one_line_and_a_password_is_not_empty_and_each_has_a_longest() -> None:
    lengths = (0, 1, 256, 257)
    assert [directory_module.is_name("x" * length) for length in lengths] == [False, True, True, False]
    assert directory_module.is_name(f" {'x' * 256} ")
    assert not any(map(directory_module.is_name, (" ", "a\nb", "a\0")))
    lengths = (0, 1, 1024, 1025)
    assert [directory_module.is_password("x" * length) for length in lengths] == [False, True, True, False]
    assert directory_module.is_password(" ")
    assert not directory_module.is_password("a\0b")


def test_what_is_no_text_is_told_in_hexadecimal() -> None:
    assert ldap_client.texts([b"\xc3\xa9", b"\xff\x00", b"a\x01"]) == ["é", "ff00", "6101"]


def test_only_what_is_needed_is_asked_of_an_entry() -> None:
    chosen = settings(LDAP_URL="ldap://localhost", LDAP_ID="dn", LDAP_USERNAME="UID", LDAP_EMAIL="other")
    asked = {name.lower() for name in directory_module.attributes_of(chosen)}
    assert asked == {
        *("uid", "samaccountname", "mail", "cn", "name", "commonname", "displayname", "givenname"),
        "other",
    }


def test_a_name_is_put_into_a_dn_as_one_value() -> None:
    assert ldap_client.bind_name(f"uid={{{{username}}}},{BASE}", "a,b=c") == f"uid=a\\,b\\=c,{BASE}"
    assert ldap_client.bind_name("{{username}}@corp.example", "ada") == "ada@corp.example"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "localhost answers and lets Echo search"),
        ({"LDAP_BIND_CREDENTIALS": "canary"}, "localhost: LDAP_BIND_DN is not let in"),
        ({"LDAP_USER_SEARCH_BASE": f"ou=nowhere,{BASE}"}, "localhost: the search failed: noSuchObject"),
        ({"LDAP_STARTTLS": "true"}, "localhost: its TLS certificate is not accepted"),
        (DIRECTLY, "localhost answers; who logs in binds directly, so nothing more is tried"),
        ({"LDAP_URL": "ldap://localhost:1"}, "localhost: it does not answer (LDAPSocketOpenError)"),
    ],
)
def test_what_echo_api_check_says_of_it(directory: Directory, changes: dict[str, str], expected: str) -> None:
    environ = {
        "LDAP_URL": f"ldap://localhost:{directory.port}",
        "LDAP_BIND_DN": SERVICE,
        "LDAP_BIND_CREDENTIALS": SERVICE_PASSWORD,
        "LDAP_USER_SEARCH_BASE": PEOPLE,
        **changes,
    }
    [found] = check_directory(begin(environ, None))
    assert (found.what, str(found.status)) == (expected, "ok" if "answers" in expected else "failed")
    [found] = check_directory(begin(environ, None, offline=True))
    assert found.status == "skipped"
