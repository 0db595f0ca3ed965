"""What chats are told of a user, and the limits of an operator."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from bson import ObjectId

from echo.accounts.new_account import caller_of
from echo.errors import ApiError
from echo.handling.caller import Caller
from echo.library.memories import Memories, told
from echo.services import Services
from echo.settings.agents import MemorySettings
from storage.core.database import Database
from storage.library.memories import MemoryRepository
from tests.conftest import UserClient

Make = Callable[..., Memories]
DAY = datetime(2026, 11, 26, 23, 59, tzinfo=UTC)


@pytest.fixture
def make(services: Services, app_database: Database) -> Make:
    """The memories of an operator who has set this."""

    def made(**settings: int | bool) -> Memories:
        return Memories(
            services.access,
            MemoryRepository(app_database),
            services.accounts.users,
            services.count_tokens,
            MemorySettings(**settings),
        )

    return made


@pytest.fixture
def caller(services: Services, ada: UserClient) -> Caller:
    return caller_of(services.accounts.users.get(ada.id), "session")


class TestText:
    def test_is_none_without_memories(self, make: Make, caller: Caller) -> None:
        assert make().text(caller.id) is None

    def test_has_the_oldest_first_with_dates_and_without_keys(
        self, make: Make, caller: Caller, app_database: Database
    ) -> None:
        memories = make()
        memories.create(caller, "likes", "green tea")
        memories.create(caller, "lives", "in Vienna")
        memories.create(caller, "secret", "of an agent", "agent_1")
        app_database.collection("memoryentries").update_many(
            {"userId": ObjectId(caller.id)}, {"$set": {"updated_at": DAY}}
        )
        assert memories.text(caller.id) == (
            "# What the user wants you to know about them\n\n"
            "1. [2026-11-26]. green tea\n\n"
            "2. [2026-11-26]. in Vienna"
        )

    @pytest.mark.parametrize(
        ("personalization", "is_told"),
        [(None, True), ({}, True), ({"memories": True}, True), ({"memories": False}, False)],
    )
    def test_goes_by_what_the_user_wants(
        self,
        make: Make,
        caller: Caller,
        app_database: Database,
        personalization: dict[str, bool] | None,
        is_told: bool,
    ) -> None:
        memories = make()
        memories.create(caller, "likes", "green tea")
        app_database.collection("users").update_one(
            {"_id": ObjectId(caller.id)}, {"$set": {"personalization": personalization}}
        )
        assert (memories.text(caller.id) is not None) is is_told

    def test_goes_by_the_role(self, make: Make, caller: Caller, app_database: Database) -> None:
        memories = make()
        memories.create(caller, "likes", "green tea")
        name = f"role-{caller.id}"
        app_database.collection("roles").insert_one(
            {"name": name, "permissions": {"MEMORIES": {"READ": True}}}
        )
        app_database.collection("users").update_one({"_id": ObjectId(caller.id)}, {"$set": {"role": name}})
        assert memories.text(caller.id) is None

    def test_is_none_where_the_operator_has_switched_it_off(self, make: Make, caller: Caller) -> None:
        make().create(caller, "likes", "green tea")
        assert make(enabled=False).text(caller.id) is None

    def test_has_the_newest_of_what_is_too_much(
        self, make: Make, caller: Caller, app_database: Database
    ) -> None:
        rows = app_database.collection("memoryentries")
        owner = ObjectId(caller.id)
        rows.insert_many(
            [
                {"userId": owner, "key": "x", "value": f"v{number}", "updated_at": DAY.replace(year=number)}
                for number in range(1800, 2001)
            ]
        )
        text = make().text(caller.id) or ""
        assert len(text.split("\n\n")) == 201
        assert "1. [1801-11-26]. v1801\n\n" in text
        assert text.endswith("\n\n200. [2000-11-26]. v2000")
        rows.update_many({"userId": owner}, {"$set": {"value": "x" * 10_000}})
        assert 50_000 < len(make().text(caller.id) or "") < 66_000

    def test_what_another_program_left_out_is_no_harm(self) -> None:
        assert told([{"value": "tea"}]).endswith("\n\n1. tea")


class TestLimits:
    def test_of_characters(self, make: Make, caller: Caller) -> None:
        memories = make(char_limit=5)
        memories.create(caller, "likes", "  tea  ")
        for ask in (
            lambda: memories.create(caller, "more", "a lot of tea"),
            lambda: memories.change(caller, "likes", "a lot of tea"),
        ):
            with pytest.raises(ApiError) as caught:
                ask()
            assert caught.value.code == "memory_too_long"
        assert memories.list(caller).char_limit == 5

    def test_of_tokens(self, make: Make, caller: Caller) -> None:
        memories = make(token_limit=3)
        memories.create(caller, "likes", "green tea")
        with pytest.raises(ApiError) as caught:
            memories.create(caller, "drinks", "green tea")
        assert (caught.value.status, caught.value.code) == (422, "memories_full")
        with pytest.raises(ApiError):
            memories.change(caller, "likes", "a lot of green tea")
        memories.create(caller, "drinks", "tea")
        kept = memories.list(caller)
        assert (kept.tokens, kept.token_limit, kept.percentage) == (3, 3, 100)

    def test_what_is_over_a_limit_already_may_become_less(self, make: Make, caller: Caller) -> None:
        make().create(caller, "likes", "a lot of green tea")
        memories = make(token_limit=3)
        assert memories.list(caller).percentage == 100
        memories.change(caller, "likes", "a lot of tea")
        assert memories.list(caller).tokens == 4

    def test_each_agent_has_its_own_room(self, make: Make, caller: Caller) -> None:
        memories = make(token_limit=2)
        for agent in (None, "agent_1", "agent_2"):
            memories.create(caller, "likes", "green tea", agent)
        with pytest.raises(ApiError):
            memories.create(caller, "more", "tea", "agent_1")

    @pytest.mark.parametrize(("limit", "percentage"), [(16, 13), (1000, 0), (400, 1), (4, 50)])
    def test_percentages_are_rounded_as_javascript_rounds(
        self, make: Make, caller: Caller, limit: int, percentage: int
    ) -> None:
        memories = make(token_limit=limit)
        memories.create(caller, "likes", "green tea")
        assert memories.list(caller).percentage == percentage
