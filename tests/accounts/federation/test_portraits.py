"""Pictures that other servers have of users."""

import asyncio
from collections.abc import Iterator
from io import BytesIO
from types import SimpleNamespace
from typing import Any, cast

import pytest
from PIL import Image
from starlette.testclient import TestClient

from echo.accounts.federation.fetching import Fetcher, host_and_port
from echo.accounts.federation.identity import Refused
from echo.accounts.federation.portraits import Portraits, may_follow
from echo.errors import ServiceUnavailable
from echo.services import Services
from storage.accounts.users import UserRepository
from storage.core.database import Database
from storage.core.errors import Unavailable
from tests.conftest import UserClient
from tests.support.providers.server import Answer, ProviderServer, Received, serving


def picture() -> bytes:
    made = BytesIO()
    Image.new("RGB", (40, 30), "red").save(made, "JPEG")
    return made.getvalue()


PICTURE = picture()
ANSWERS = {
    "/good": Answer([PICTURE], 200, {"Content-Length": str(len(PICTURE))}),
    "/large": Answer([b"x" * 1_500_000] * 2),
    "/page": Answer([b"<script>"], 200, {"Content-Type": "image/png"}),
    "/elsewhere": Answer([], 302, {"Location": "/good", "Content-Length": "0"}),
}


@pytest.fixture(scope="module")
def gallery() -> Iterator[ProviderServer]:
    def answer(request: Received) -> Answer:
        return ANSWERS[request.path]

    with serving(answer) as server:
        yield server


def follow(
    services: Services, database: Database, user: dict[str, Any], address: str, *allowed: str
) -> dict[str, Any]:
    """The user after a login that came with this picture."""
    users = UserRepository(database)

    async def run() -> None:
        fetcher = Fetcher(map(host_and_port, allowed), seconds=5)
        portraits = Portraits(fetcher, services.library.file_store, users, max_pixels=1_000_000)
        portraits.follow(user, address)
        await portraits.finish()

    asyncio.run(run())
    return users.get(str(user["_id"]))


def test_is_drawn_anew_and_shown(
    services: Services, app_database: Database, ada: UserClient, gallery: ProviderServer
) -> None:
    user = services.accounts.users.get(ada.id)
    changed = follow(services, app_database, user, f"{gallery.url}/good", gallery.url)
    path, _, query = changed["avatar"].partition("?")
    assert query == "manual=false"
    shown = ada.get(path, headers={"Cookie": f"refreshToken={ada.refresh_token}"})
    assert Image.open(BytesIO(shown.content)).size == (30, 30)


@pytest.mark.parametrize("path", ["/large", "/page", "/elsewhere"])
def test_what_is_none_is_left(
    services: Services, app_database: Database, ada: UserClient, gallery: ProviderServer, path: str
) -> None:
    user = services.accounts.users.get(ada.id)
    assert follow(services, app_database, user, gallery.url + path, gallery.url)["avatar"] is None


def test_one_that_the_user_has_chosen_stays(
    services: Services, app_database: Database, ada: UserClient, gallery: ProviderServer
) -> None:
    user = {**services.accounts.users.get(ada.id), "avatar": "/images/x/avatar-1.png?manual=true"}
    assert follow(services, app_database, user, f"{gallery.url}/good", gallery.url)["avatar"] is None


@pytest.mark.parametrize(
    ("avatar", "may"),
    [
        (None, True),
        ("", True),
        ("/images/a/avatar-1.png?manual=false", True),
        ("/images/a/0f3c.png", True),
        ("/images/a/avatar-1.png?manual=true", False),
        ("https://bucket.example.com/images/a/avatar-1.png", False),
    ],
)
def test_only_a_logins_own_picture_is_replaced(avatar: str | None, may: bool) -> None:
    assert may_follow(avatar) is may


@pytest.mark.parametrize(
    "address",
    ["http://169.254.169.254/x", "file:///etc/passwd", "https://localhost/x", "data:image/png,x", "//x", ""],
)
def test_an_address_of_the_operators_network_is_not_asked(
    services: Services, app_database: Database, ada: UserClient, address: str
) -> None:
    user = services.accounts.users.get(ada.id)
    assert follow(services, app_database, user, address)["avatar"] is None


def test_nor_is_one_without_tls(
    running: TestClient,
    services: Services,
    app_database: Database,
    ada: UserClient,
    gallery: ProviderServer,
) -> None:
    before = len(gallery.requests)
    follow(services, app_database, services.accounts.users.get(ada.id), f"{gallery.url}/good")
    assert len(gallery.requests) == before


class Shelf:
    """A store, users and a fetcher that note what they are asked; the fetcher waits until it is let go."""

    def __init__(self, source: str = "local") -> None:
        self.source = source
        self.asked: list[tuple[str, int]] = []
        self.done: list[tuple[Any, ...]] = []
        self.open = asyncio.Event()
        self.fails: Exception | None = None

    async def content(self, address: str, *, most: int) -> bytes:
        self.asked.append((address, most))
        await self.open.wait()
        if self.fails:
            raise self.fails
        return PICTURE

    def keep_picture(self, owner: str, name: str, drawn: bytes) -> Any:
        assert Image.open(BytesIO(drawn)).size == (30, 30)
        self.done.append(("keep", owner, name))
        return SimpleNamespace(filepath=f"/images/{owner}/{name}", source=self.source)

    def set_avatar(self, owner: str, address: str) -> None:
        self.done.append(("set", owner, address))

    def remove_pictures(self, owner: str, pattern: str, *, but: str) -> None:
        self.done.append(("remove", owner, pattern, but))
        raise OSError("the disk")

    def portraits(self) -> Portraits:
        return Portraits(cast("Any", self), cast("Any", self), cast("Any", self), max_pixels=1_000_000)


@pytest.mark.parametrize(
    ("source", "said"), [("local", "?manual=false"), ("azure_blob", "?manual=false"), ("s3", "")]
)
def test_takes_the_place_of_those_before(monkeypatch: pytest.MonkeyPatch, source: str, said: str) -> None:
    """That an older one is still there fails nothing. An address in S3 says nothing behind it."""
    monkeypatch.setattr("echo.accounts.federation.portraits.time", SimpleNamespace(time_ns=lambda: 5_999_999))

    async def run() -> Shelf:
        shelf = Shelf(source)
        shelf.open.set()
        portraits = shelf.portraits()
        portraits.follow({"_id": "ada", "avatar": None}, "https://x.example/p")
        await portraits.finish()
        return shelf

    shelf = asyncio.run(run())
    assert shelf.asked == [("https://x.example/p", 2 * 1024 * 1024)]
    assert shelf.done == [
        ("keep", "ada", "avatar-5.png"),
        ("set", "ada", f"/images/ada/avatar-5.png{said}"),
        ("remove", "ada", "avatar-*.png", "avatar-5.png"),
    ]


def test_are_fetched_four_at_once_and_given_up_at_the_end() -> None:
    async def run() -> Shelf:
        shelf = Shelf()
        portraits = shelf.portraits()
        for number in range(5):
            portraits.follow({"_id": number}, f"https://x.example/{number}")
        for address in (None, ""):
            portraits.follow({"_id": 9}, address)
        await asyncio.sleep(0)
        await portraits.close()
        # There is room again.
        portraits.follow({"_id": 6}, "https://x.example/6")
        await asyncio.sleep(0)
        await portraits.close()
        return shelf

    shelf = asyncio.run(run())
    assert [address[-1] for address, _ in shelf.asked] == ["0", "1", "2", "3", "6"]
    assert shelf.done == []


@pytest.mark.parametrize(
    "error", [Refused("login_failed"), OSError("x"), Unavailable("x"), ServiceUnavailable()]
)
def test_that_cannot_be_had_fail_nothing(error: Exception) -> None:
    async def run() -> Shelf:
        shelf = Shelf()
        shelf.fails = error
        shelf.open.set()
        portraits = shelf.portraits()
        portraits.follow({"_id": "ada"}, "https://x.example/p")
        await asyncio.gather(*portraits._running)
        return shelf

    assert asyncio.run(run()).done == []
