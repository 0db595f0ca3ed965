"""Whom the users of an agent may turn to."""

from typing import Any

import pytest

from echo.agents.contact import has_support, owner_contact


@pytest.mark.parametrize(
    ("contact", "is_named"),
    [
        ({"name": "Help", "email": ""}, True),
        ({"name": "", "email": "help@example.com"}, True),
        ({"name": " ", "email": ""}, False),
        ({"name": 7}, False),
        ({}, False),
        (None, False),
        ("Help", False),
    ],
)
def test_support_is_whoever_is_named(contact: Any, is_named: bool) -> None:
    assert has_support({"support_contact": contact}) is is_named
    assert has_support({}) is False


@pytest.mark.parametrize(
    ("owner", "author", "contact"),
    [
        ({"name": " Ada L. ", "username": "ada"}, "A", {"name": "Ada L."}),
        ({"name": "", "username": "ada"}, "A", {"name": "ada"}),
        ({"name": " ", "username": None}, "A", {"name": "A"}),
        ({"name": "ada@example.com", "username": "ada"}, "A", {"name": "ada"}),
        ({"name": "x a@b y", "username": "a@b"}, "A", {"name": "A"}),
        ({"name": "Ada @ home"}, "A", {"name": "Ada @ home"}),
        ({"name": 7, "username": ["ada"]}, "A", {"name": "A"}),
        ({}, "a@b", {}),
        ({}, None, {}),
    ],
)
def test_an_owner_is_named_and_no_address_is_given_away(owner: Any, author: Any, contact: Any) -> None:
    assert owner_contact({"authorName": author}, owner) == contact
