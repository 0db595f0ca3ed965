"""Which claim is taken for what, and by whose word: LibreChat's order."""

import re
from typing import Any

import pytest

from echo.accounts.federation.claims import Sources, at_path, names_in, openid_identity
from echo.accounts.federation.identity import Identity, Refused, said
from echo.settings.sign_in import Claim, GroupSettings, OpenIdSettings, RoleClaim, RoleSyncSettings

ISSUER = "https://sso.example.com"


def identity(
    userinfo: dict[str, Any], sources: dict[str, dict[str, Any]] | None = None, **settings: Any
) -> Identity:
    made = OpenIdSettings(ISSUER, "echo", None, "https://chat.example.com/back", **settings)
    return openid_identity(made, Sources(f"{ISSUER}/", **{"userinfo": userinfo, **(sources or {})}), "s-1")


def test_all_that_is_known_of_a_user() -> None:
    profile = {
        "email": "ada@example.com",
        "email_verified": "true",
        "given_name": "Ada",
        "family_name": "Lovelace",
        "name": "Countess",
        "preferred_username": "ada.l",
        "username": "other",
        "picture": "https://example.com/ada.png",
        "oid": "directory-1",
    }
    assert identity(profile) == Identity(
        provider="openid",
        subject="s-1",
        email="ada@example.com",
        email_verified=True,
        name="Ada Lovelace",
        username="ada.l",
        picture="https://example.com/ada.png",
        issuer=ISSUER,
        directory_id="directory-1",
    )


def test_what_userinfo_says_wins_over_the_id_token() -> None:
    found = identity({"name": "New"}, {"id": {"name": "Old", "email": "ada@example.com"}})
    assert (found.name, found.email) == ("New", "ada@example.com")


@pytest.mark.parametrize(
    ("profile", "settings", "address", "is_own"),
    [
        ({"email": "a@x.example", "email_verified": True, "upn": "u@x.example"}, {}, "a@x.example", True),
        ({"email": "a@x.example", "email_verified": 1}, {}, "a@x.example", False),
        ({"email": "a@x.example"}, {}, "a@x.example", False),
        ({"email": "a@x.example"}, {"trust_email": True}, "a@x.example", True),
        # It vouches for its `email`, and for no other claim.
        ({"upn": "u@x.example", "email_verified": True}, {}, "u@x.example", False),
        ({"email": "", "preferred_username": "p", "upn": "u"}, {}, "p", False),
        ({"email": 7, "upn": "u"}, {}, "u", False),
        ({"email": "a@x.example", "mail": "m"}, {"email_claim": "mail"}, "m", False),
        ({"email": "a@x.example"}, {"email_claim": "mail"}, "a@x.example", False),
        ({}, {"trust_email": True}, None, False),
    ],
    ids=str,
)
def test_an_address_and_whether_it_is_vouched_for(
    profile: dict[str, Any], settings: dict[str, Any], address: str | None, is_own: bool
) -> None:
    found = identity(profile, **settings)
    assert (found.email, found.email_verified) == (address, is_own)


@pytest.mark.parametrize(
    ("profile", "settings", "name", "username"),
    [
        ({"given_name": "Ada", "name": "Countess", "username": "u", "email": "e"}, {}, "Ada", "u"),
        ({"family_name": "Lovelace", "email": "e"}, {}, "Lovelace", "e"),
        ({"name": "Countess", "username": "u", "preferred_username": "p"}, {}, "Countess", "p"),
        ({"username": "u"}, {}, "u", "u"),
        ({"email": "e"}, {}, "e", "e"),
        ({}, {}, "", ""),
        (
            {"name": "Countess", "username": "u", "n": "N", "m": "M"},
            {"name_claim": "n", "username_claim": "m"},
            "N",
            "M",
        ),
        (
            {"name": "Countess", "username": "u", "email": "e"},
            {"name_claim": "n", "username_claim": "m"},
            "e",
            "",
        ),
    ],
    ids=str,
)
def test_names(profile: dict[str, Any], settings: dict[str, Any], name: str, username: str) -> None:
    found = identity(profile, **settings)
    assert (found.name, found.username) == (name, username)


@pytest.mark.parametrize("source", ["access", "id", "userinfo"])
def test_roles_are_read_from_where_it_is_set_and_nowhere_else(source: str) -> None:
    claim = Claim("r", source)
    settings = {
        "required": RoleClaim(("a", "x"), claim),
        "admin": RoleClaim(("boss",), claim),
        "role_sync": RoleSyncSettings(claim, ("a",), None),
    }
    found = identity({}, {source: {"r": "a, boss"}}, **settings)
    assert (found.admin, found.roles, found.groups) == (True, ("a", "boss"), None)
    found = identity({}, {source: {"r": ["x"]}}, **settings)
    assert (found.admin, found.roles) == (False, ("x",))
    others = {name: {"r": "a"} for name in ("access", "id", "userinfo") if name != source}
    if source == "userinfo":
        # The profile is of both.
        del others["id"]
    with pytest.raises(Refused, match="role_missing"):
        identity({}, others, **settings)


def test_groups_are_those_whose_whole_name_fits_each_once() -> None:
    claim = Claim("groups", "id")

    def groups(value: Any, **changes: Any) -> Any:
        return identity({}, {"id": {"groups": value}}, groups=GroupSettings(claim, **changes)).groups

    chat = re.compile("chat-.+")
    assert groups(["chat-a", "x-chat-a", "chat-b\n", "chat-a"], prefix="sso-", filter=chat) == (
        *("sso-chat-a", "sso-chat-b"),
    )
    assert groups("a b,c") == ("a", "b", "c")
    assert groups([]) == ()
    # A claim that is not there says nothing, and nobody leaves a group by it.
    assert groups(None) is None
    assert groups({"a": 1}) is None
    # One whose name would have to be cut or cleaned is none: it could become another, with its rights.
    assert groups(["g" * 200, "g" * 199, "adm\u200bin", "a\nb"], prefix="p") == ("p" + "g" * 199,)
    assert len(groups([str(number) for number in range(300)])) == 200


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b", "whole"),
        ("c.d", 1),
        ("c.e.1", "second"),
        ("c.e[0]", "first"),
        ("c.e.2", None),
        ("c.e.first", None),
        ("c.d.x", None),
        ("nothing", None),
    ],
)
def test_a_path_leads_through_objects_and_lists(path: str, value: Any) -> None:
    claims = {"a.b": "whole", "a": {"b": "part"}, "c": {"d": 1, "e": ["first", "second"]}}
    assert at_path(claims, path) == value


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("a, b  c", ("a", "b", "c")),
        (["a b", "", 1, None, "c"], ("a b", "c")),
        (",", ()),
        (None, ()),
        ({"a": 1}, ()),
        (7, ()),
    ],
    ids=str,
)
def test_names_that_a_claim_lists(value: Any, names: tuple[str, ...]) -> None:
    assert names_in(value) == names


def test_what_is_shown_is_one_line_and_no_longer_than_a_name() -> None:
    assert len(names_in(["x"] * 1001)) == 1000
    assert said(" A\n\u202e B\x00 ") == "A B"
    assert said("x" * 201) == "x" * 200
    assert said(7) == ""
