"""The settings of logins by others."""

from pathlib import Path

import pytest

from echo.settings import federation as reading
from echo.settings import load_settings
from echo.settings.reader import SettingsError
from echo.settings.sign_in import Claim, SignInSettings

ON = {"ALLOW_SOCIAL_LOGIN": "true"}
OPENID = {
    **ON,
    "OPENID_ISSUER": "https://sso.example.com",
    "OPENID_CLIENT_ID": "echo",
    "OPENID_CLIENT_SECRET": "a-secret",
    "DOMAIN_SERVER": "https://chat.example.com",
}


def read(**environ: str) -> SignInSettings:
    return load_settings(environ).sign_in


def test_nothing_is_there_without_the_switch() -> None:
    assert not read(**{**OPENID, "ALLOW_SOCIAL_LOGIN": "false"}).any
    assert not read(**ON).any


def test_openid_as_librechat_has_it() -> None:
    settings = read(
        **OPENID,
        OPENID_REQUIRED_ROLE="a, b",
        OPENID_REQUIRED_ROLE_PARAMETER_PATH="realm_access.roles",
        OPENID_REQUIRED_ROLE_TOKEN_KIND="access",
        OPENID_AUDIENCE="https://api.example.com,other",
        ECHO_OPENID_GROUPS_CLAIM="groups",
    ).openid
    assert settings is not None
    assert settings.callback_url == "https://chat.example.com/oauth/openid/callback"
    assert settings.required is not None
    assert (settings.required.names, settings.required.claim) == (
        ("a", "b"),
        Claim("realm_access.roles", "access"),
    )
    assert settings.audiences == ("https://api.example.com", "other")
    assert settings.groups is not None
    assert settings.groups.claim == Claim("groups", "id")
    assert "a-secret" not in repr(settings)


def test_a_public_client_has_no_secret() -> None:
    public = {**OPENID, "OPENID_CLIENT_SECRET": ""}
    assert read(**public).openid is None
    assert read(**public, OPENID_USE_PKCE="true").openid is not None


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"OPENID_ISSUER": "sso.example.com"}, "OPENID_ISSUER"),
        ({"OPENID_ISSUER": "https://sso.example.com:99999"}, "OPENID_ISSUER"),
        ({"OPENID_SCOPE": "profile"}, "OPENID_SCOPE"),
        ({"OPENID_REQUIRED_ROLE": "a"}, "OPENID_REQUIRED_ROLE_PARAMETER_PATH"),
        ({"OPENID_ADMIN_ROLE": "a", "OPENID_ADMIN_ROLE_PARAMETER_PATH": "x"}, "OPENID_ADMIN_ROLE_TOKEN_KIND"),
        ({"OPENID_REQUIRED_ROLE_TOKEN_KIND": "header"}, "OPENID_REQUIRED_ROLE_TOKEN_KIND"),
        ({"OPENID_ROLE_SYNC_ENABLED": "true"}, "OPENID_ROLE_SYNC_CLAIM"),
        (
            {
                "OPENID_ROLE_SYNC_ENABLED": "true",
                "OPENID_ROLE_SYNC_CLAIM": "roles",
                "OPENID_ROLE_SYNC_ROLE_PRIORITY": "staff,admin",
            },
            "OPENID_ROLE_SYNC_ROLE_PRIORITY",
        ),
        ({"ECHO_OPENID_GROUPS_CLAIM": "g", "ECHO_OPENID_GROUPS_FILTER": "("}, "ECHO_OPENID_GROUPS_FILTER"),
        ({"OPENID_CALLBACK_URL": "https://evil.example.com/x"}, "OPENID_CALLBACK_URL"),
        ({"GITHUB_ENTERPRISE_BASE_URL": "git.example"}, "GITHUB_ENTERPRISE_BASE_URL"),
    ],
)
def test_what_would_go_wrong_is_told_at_the_start(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingsError, match=named):
        read(**{**OPENID, **environ})


def test_services_are_set_as_a_whole() -> None:
    half = read(**ON, GOOGLE_CLIENT_ID="x", APPLE_CLIENT_ID="y", GITHUB_CLIENT_SECRET="z")
    assert dict(half.social) == {}
    apple = {
        "APPLE_CLIENT_ID": "a",
        "APPLE_TEAM_ID": "t",
        "APPLE_KEY_ID": "k",
        "APPLE_PRIVATE_KEY_PATH": "/run/key.p8",
    }
    settings = read(**ON, **apple, FACEBOOK_CLIENT_ID="f", FACEBOOK_CLIENT_SECRET="s")
    assert sorted(settings.social) == ["apple", "facebook"]
    assert settings.social["apple"].key_file == Path("/run/key.p8")


def test_the_order_of_the_buttons_is_the_files(tmp_path: Path) -> None:
    file = tmp_path / "librechat.yaml"
    file.write_text("version: 1.2.1\nregistration:\n  socialLogins: [openid, google, openid]\n")
    assert load_settings({}, config_file=file).sign_in.buttons == ("openid", "google")


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError, match=r"echo-api\[sso\]"):
        read(**OPENID)
    assert not read(**ON).any


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        (
            {**OPENID, "OPENID_CLIENT_ID": ""},
            ("OPENID_ISSUER is set without OPENID_CLIENT_ID: nobody can log in by it.",),
        ),
        (
            {**OPENID, "OPENID_CLIENT_SECRET": ""},
            ("OPENID_ISSUER is set without OPENID_CLIENT_SECRET: nobody can log in by it.",),
        ),
        ({**OPENID, "OPENID_CLIENT_SECRET": "", "OPENID_USE_PKCE": "true"}, ()),
        (
            {**OPENID, "ALLOW_SOCIAL_LOGIN": ""},
            ("OPENID_ISSUER is set, but ALLOW_SOCIAL_LOGIN is not true: nobody can log in by it.",),
        ),
        (
            {**OPENID, "DOMAIN_SERVER": ""},
            ("DOMAIN_SERVER is not set, so other services send users back to http://localhost:3080.",),
        ),
        (
            {**ON, "SAML_ISSUER": "echo"},
            ("SAML_ISSUER is set without SAML_ENTRY_POINT, SAML_CERT: nobody can log in by it.",),
        ),
        (
            {"LDAP_URL": "ldap://localhost"},
            ("LDAP_URL is set without LDAP_USER_SEARCH_BASE: nobody can log in by it.",),
        ),
        (
            {**ON, "GITHUB_CLIENT_SECRET": "z"},
            ("GITHUB_CLIENT_SECRET is set without GITHUB_CLIENT_ID: nobody can log in by it.",),
        ),
        (OPENID, ()),
    ],
)
def test_half_a_way_in_is_told_at_the_start(environ: dict[str, str], told: tuple[str, ...]) -> None:
    assert load_settings(environ).notices == told
