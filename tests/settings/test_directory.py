"""`LDAP_...` and `SAML_...`: what is read, and what is refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from echo.settings.directory import LdapSettings, directory_notices, read_ldap
from echo.settings.reader import Reader, SettingsError
from echo.settings.saml import SamlSettings, certificates_of, needs_saml, read_saml
from echo.settings.sign_in import OpenIdSettings, SignInSettings
from echo.settings.startup import ways_in
from tests.support.certificates import certify

CALLBACK = "https://chat.example.com/oauth/saml/callback"


def ldap(**environ: str) -> LdapSettings | None:
    complete = {"LDAP_URL": "ldap://dc.example.com", "LDAP_USER_SEARCH_BASE": "dc=example", **environ}
    return read_ldap(Reader(complete))


def test_a_directory_needs_an_address_and_a_place() -> None:
    assert ldap(LDAP_URL="") is None
    assert ldap(LDAP_USER_SEARCH_BASE="") is None
    assert ldap(LDAP_BIND_DN="cn=x", LDAP_BIND_CREDENTIALS="a secret") == LdapSettings(
        host="dc.example.com",
        port=389,
        tls=False,
        start_tls=False,
        search_base="dc=example",
        search_filter="(mail={{username}})",
        bind_dn="cn=x",
        bind_password="a secret",
    )


def test_what_an_address_says() -> None:
    found = ldap(LDAP_URL="ldaps://dc.example.com:3269/", LDAP_FULL_NAME="givenName, sn")
    assert found is not None
    assert (found.tls, found.port, found.full_name) == (True, 3269, ("givenName", "sn"))
    assert "a secret" not in repr(ldap(LDAP_BIND_DN="cn=x", LDAP_BIND_CREDENTIALS="a secret"))


@pytest.mark.parametrize(
    ("environ", "name"),
    [
        ({"LDAP_URL": "dc.example.com"}, "LDAP_URL"),
        ({"LDAP_URL": "https://dc.example.com"}, "LDAP_URL"),
        ({"LDAP_URL": "ldap://dc.example.com/dc=example"}, "LDAP_URL"),
        ({"LDAP_URL": "ldap://dc.example.com:port"}, "LDAP_URL"),
        ({"LDAP_URL": "ldaps://dc.example.com", "LDAP_STARTTLS": "true"}, "LDAP_STARTTLS"),
        ({"LDAP_BIND_DN": "cn=x"}, "LDAP_BIND_DN"),
        ({"LDAP_SEARCH_FILTER": "mail="}, "LDAP_SEARCH_FILTER"),
        ({"LDAP_CA_CERT_PATH": "/nowhere"}, "LDAP_CA_CERT_PATH"),
        ({"LDAP_CA_CERT_PATH": __file__}, "LDAP_CA_CERT_PATH"),
    ],
)
def test_half_a_directory_is_refused(environ: dict[str, str], name: str) -> None:
    with pytest.raises(SettingsError, match=f"^{name} "):
        ldap(**environ)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({}, "passwords go to the directory unencrypted"),
        ({"LDAP_STARTTLS": "true", "LDAP_TLS_REJECT_UNAUTHORIZED": "false"}, "can read passwords"),
        ({"LDAP_STARTTLS": "true"}, ""),
        ({"LDAP_URL": "ldap://127.0.0.1"}, ""),
    ],
)
def test_who_could_read_passwords_is_told(environ: dict[str, str], told: str) -> None:
    notices = list(directory_notices(ldap(**environ)))
    assert len(notices) == bool(told)
    assert all(told in notice for notice in notices)


@pytest.mark.parametrize(("read", "extra"), [(ldap, "echo-api[ldap]"), (needs_saml, "echo-api[saml]")])
def test_an_extra_that_is_not_installed_is_named(read: Callable[[], Any], extra: str) -> None:
    with (
        patch("echo.settings.directory.find_spec", return_value=None),
        patch("echo.settings.saml.find_spec", return_value=None),
        pytest.raises(SettingsError) as why,
    ):
        read()
    assert extra in str(why.value)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certify(tmp_path_factory.mktemp("certificate")).certificate


def saml(certificate: str, **environ: str) -> SamlSettings | None:
    complete = {
        "SAML_ENTRY_POINT": "https://idp.example.com/sso",
        "SAML_ISSUER": "echo",
        "SAML_CERT": certificate,
        "SAML_SESSION_SECRET": "x",
        **environ,
    }
    return read_saml(Reader(complete), CALLBACK)


def test_a_certificate_may_be_given_in_four_ways(certificate: Path) -> None:
    text = certificate.read_text()
    bare = "".join(text.splitlines()[1:-1])
    ways = (str(certificate), text, text.replace("\n", "\\n"), bare)
    assert {certificates_of(way) for way in ways} == {(bare,)}
    assert certificates_of(certificate.name, certificate.parent) == (bare,)
    assert certificates_of(text + text) == (bare, bare)


@pytest.mark.parametrize(
    "value", ["/nowhere", "AAAA", "-----BEGIN CERTIFICATE-----", "-----BEGIN PUBLIC KEY-----"]
)
def test_what_is_no_certificate_is_refused(value: str) -> None:
    with pytest.raises(SettingsError, match=r"^SAML_CERT "):
        saml(value)


def test_a_provider_needs_an_address_a_name_and_a_certificate(certificate: Path) -> None:
    found = saml(str(certificate), SAML_USE_AUTHN_RESPONSE_SIGNED="true", SAML_NAME_CLAIM="cn")
    assert found is not None
    assert (found.entity_id, found.callback_url, found.issuer) == ("echo", CALLBACK, None)
    assert (found.response_signed, found.name_claim) == (True, "cn")
    assert saml(str(certificate), SAML_ISSUER="") is None
    with pytest.raises(SettingsError, match=r"^SAML_ENTRY_POINT "):
        saml(str(certificate), SAML_ENTRY_POINT="idp.example.com")


def test_there_is_no_button_for_saml_beside_openids() -> None:
    provider = SamlSettings("https://idp.example.com", "echo", (), CALLBACK, image_url="/saml.png")
    alone = ways_in(SignInSettings(saml=provider))
    assert (alone["samlLoginEnabled"], alone["samlImageUrl"], alone["socialLogins"]) == (
        True,
        "/saml.png",
        ["saml"],
    )
    openid = OpenIdSettings("https://sso.example.com", "echo", "x", CALLBACK)
    both = ways_in(SignInSettings(openid=openid, saml=provider))
    assert (both["samlLoginEnabled"], both["socialLogins"]) == (False, ["openid"])
