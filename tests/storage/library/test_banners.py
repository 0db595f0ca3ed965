"""Which banner is shown: the newest of this moment, and without a login only a public one."""

from datetime import timedelta
from typing import Any

import pytest

from storage.core.database import Database
from storage.core.repository import now
from storage.library.banners import BannerRepository

HOUR = timedelta(hours=1)


@pytest.fixture
def banners(database: Database) -> BannerRepository:
    return BannerRepository(database)


def put(database: Database, name: str, **fields: Any) -> None:
    shown = {"type": "banner", "displayFrom": now() - HOUR, "displayTo": None, "isPublic": True}
    database.collection("banners").insert_one({"bannerId": name, **shown, **fields})


def current(banners: BannerRepository, *, public_only: bool = False) -> str | None:
    banner = banners.current(public_only=public_only)
    return banner and str(banner["bannerId"])


def test_none_where_there_is_none(banners: BannerRepository) -> None:
    assert banners.current(public_only=False) is None


def test_only_what_is_shown_at_this_moment(banners: BannerRepository, database: Database) -> None:
    put(database, "to come", displayFrom=now() + HOUR)
    put(database, "over", displayTo=now() - HOUR)
    put(database, "of another kind", type="popup")
    assert current(banners) is None
    put(database, "for a while", displayTo=now() + HOUR)
    assert current(banners) == "for a while"


def test_the_newest_and_of_equals_the_last(banners: BannerRepository, database: Database) -> None:
    moment = now() - HOUR
    put(database, "first", displayFrom=moment)
    put(database, "second", displayFrom=moment)
    put(database, "older", displayFrom=moment - HOUR)
    assert current(banners) == "second"


def test_without_a_login_only_a_public_one(banners: BannerRepository, database: Database) -> None:
    put(database, "public", displayFrom=now() - 2 * HOUR)
    put(database, "for users", isPublic=False)
    assert current(banners) == "for users"
    assert current(banners, public_only=True) == "public"
