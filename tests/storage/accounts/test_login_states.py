"""Logins by another server that have begun: each is good once, with its own provider, and for a while."""

from datetime import timedelta

import pytest

from storage.accounts.login_states import LoginStateRepository
from storage.core.database import Database

MINUTE = timedelta(minutes=1)


@pytest.fixture
def states(database: Database) -> LoginStateRepository:
    return LoginStateRepository(database)


def test_each_is_good_once(states: LoginStateRepository) -> None:
    states.add("key", "openid", MINUTE)
    states.add("other", "openid", MINUTE)
    taken = [states.take("key", "openid") for _ in range(2)]
    assert [each and each.keys() for each in taken] == [{"_id", "provider", "expiresAt"}, None]
    assert states.take("other", "openid")


def test_each_is_its_providers(states: LoginStateRepository) -> None:
    states.add("key", "github", MINUTE)
    assert not states.take("key", "openid")
    assert states.take("key", "github")


def test_what_is_too_old_or_never_began_is_none(states: LoginStateRepository) -> None:
    states.add("key", "openid", timedelta(seconds=-1))
    assert not states.take("key", "openid")
    assert not states.take("nothing", "openid")


def test_of_the_admin_panel_has_its_challenge_and_whose_it_is(states: LoginStateRepository) -> None:
    states.add("key", "openid", MINUTE, challenge="c1", holder="ada")
    found = states.take("key", "openid")
    assert found is not None
    assert (found["challenge"], found["holder"]) == ("c1", "ada")
