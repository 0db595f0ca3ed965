"""Lists of pieces: stored in portions, read by their owner, joined, and bounded."""

from collections.abc import Collection, Iterator
from datetime import timedelta

import pytest
from bson import ObjectId

from storage.conversations import search_parts
from storage.conversations.search_parts import NO_KEY, Lost, Portion, SearchPartRepository, TooMany
from storage.core.database import Database
from storage.core.postings import numbers
from storage.core.repository import now
from tests.support.chats import new_owner

EXPIRES = now() + timedelta(days=7)
KEYS = [ObjectId(f"{number:024x}") for number in range(1, 21)]


@pytest.fixture
def parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> SearchPartRepository:
    monkeypatch.setattr(search_parts, "PARTS", 3)
    monkeypatch.setattr(search_parts, "FAN", 2)
    monkeypatch.setattr(search_parts, "KEYS", 4)
    return SearchPartRepository(database)


def nothing() -> None:
    pass


def add(
    parts: SearchPartRepository, owner: str, keys: list[ObjectId], lists: dict[str, list[int]]
) -> Portion:
    return parts.add(owner, EXPIRES, keys, dict(lists), nothing)


def names(database: Database) -> set[str]:
    return {each["_id"] for each in database.collection("echo_search_parts").find()}


class TestPortion:
    def test_is_divided_by_its_size(self) -> None:
        small, large = Portion("p", 0, 300, KEYS[0]), Portion("q", 2, 300, KEYS[0])
        assert (small.parts, large.parts) == (32, 2048)
        assert (small.part(33), large.part(2049)) == ("p.1", "q.1")
        assert (small.key(127), small.key(128)) == ("p.k0", "p.k1")
        assert small.all_keys == ["p.k0", "p.k1", "p.k2"]
        assert Portion.of(large.stored) == large
        assert large.stored == {"name": "q", "size": 2, "count": 300, "last": KEYS[0]}


class TestAdd:
    def test_what_is_stored(self, parts: SearchPartRepository, database: Database, ada: str) -> None:
        lists = {"one": [0, 2], "two": [1]}
        rested: list[int] = []
        portion = parts.add(ada, EXPIRES, KEYS[:5], lists, lambda: rested.append(1))
        assert lists == {}
        assert len(rested) == 3
        assert (portion.size, portion.count, portion.last) == (0, 5, KEYS[4])
        assert names(database) == {f"{portion.name}.{each}" for each in ("0", "1", "2", "k0", "k1")}
        rows = list(database.collection("echo_search_parts").find())
        assert {each["user"] for each in rows} == {ada}
        assert {each["expiresAt"] for each in rows} == {EXPIRES}
        assert parts.keys(ada, portion) == [key.binary for key in KEYS[:5]]
        indexes = database.collection("echo_search_parts").index_information()
        assert indexes["expiresAt_1"]["expireAfterSeconds"] == 0


class TestFind:
    @pytest.fixture
    def portions(self, parts: SearchPartRepository, ada: str) -> list[Portion]:
        return [
            add(parts, ada, KEYS[:6], {"one": [0, 1, 2, 3], "two": [1, 3, 5], "three": [3], "rare": [4]}),
            add(parts, ada, KEYS[6:10], {"one": [0], "two": [0, 1]}),
        ]

    @pytest.mark.parametrize(
        ("pieces", "found"),
        [
            (["one"], [0, 1, 2, 3, 6]),
            (["one", "two"], [1, 3, 6]),
            (["two", "one", "three"], [3]),
            (["none"], []),
            (["one", "none"], []),
        ],
    )
    def test_who_has_all_pieces(
        self,
        parts: SearchPartRepository,
        portions: list[Portion],
        ada: str,
        pieces: list[str],
        found: list[int],
    ) -> None:
        assert parts.find(ada, portions, pieces, 10, None) == {KEYS[each] for each in found}

    def test_no_more_than_were_asked_for(
        self, parts: SearchPartRepository, portions: list[Portion], ada: str
    ) -> None:
        assert len(parts.find(ada, portions, ["one"], 5, None)) == 5
        with pytest.raises(TooMany):
            parts.find(ada, portions, ["one"], 4, None)

    def test_of_what_too_many_of_the_latest_have_older_lists_are_not_looked_at(
        self,
        parts: SearchPartRepository,
        portions: list[Portion],
        ada: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        seen: list[list[int]] = []

        def noted(data: bytes) -> Iterator[int]:
            seen.append([*numbers(data)])
            return iter(seen[-1])

        monkeypatch.setattr(search_parts, "numbers", noted)
        with pytest.raises(TooMany):
            parts.find(ada, portions, ["two"], 1, None)
        assert seen == [[0, 1]]
        with pytest.raises(TooMany):
            parts.find(ada, portions, ["two"], 4, None)
        assert seen[1:] == [[0, 1], [1, 3, 5]]

    # Five texts have the one, one has the other, and none both: found is what must be read and compared.
    @pytest.mark.parametrize(
        ("limits", "found"), [((150, 200_000), []), ((5, 5), []), ((4, 5), [4]), ((5, 4), [4])]
    )
    def test_a_list_that_is_much_longer_is_not_read(
        self, database: Database, monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], found: list[int]
    ) -> None:
        assert (search_parts.LONGER, search_parts.LONGEST) == (150, 200_000)
        for name, limit in zip(("LONGER", "LONGEST"), limits, strict=True):
            monkeypatch.setattr(search_parts, name, limit)
        parts, ada = SearchPartRepository(database), new_owner()
        portion = add(parts, ada, KEYS[:6], {"one": [0, 1, 2, 3, 5], "rare": [4]})
        assert parts.find(ada, [portion], ["one", "rare"], 10, None) == {KEYS[each] for each in found}

    @pytest.mark.parametrize(("longest", "is_read"), [(5, True), (4, False)])
    def test_nor_is_the_shortest_if_it_is_too_long(
        self, database: Database, monkeypatch: pytest.MonkeyPatch, longest: int, is_read: bool
    ) -> None:
        monkeypatch.setattr(search_parts, "LONGEST", longest)
        parts, ada = SearchPartRepository(database), new_owner()
        portion = add(parts, ada, KEYS[:6], {"one": [0, 1, 2, 3, 5]})
        if is_read:
            assert len(parts.find(ada, [portion], ["one"], 10, None)) == 5
        else:
            with pytest.raises(TooMany):
                parts.find(ada, [portion], ["one"], 10, None)

    def test_of_another_owner_nothing_is_there(
        self, parts: SearchPartRepository, portions: list[Portion], bob: str
    ) -> None:
        with pytest.raises(Lost):
            parts.find(bob, portions, ["one"], 10, None)
        with pytest.raises(Lost):
            parts.keys(bob, portions[0])

    def test_without_portions_nothing_is_found(self, parts: SearchPartRepository, ada: str) -> None:
        assert parts.find(ada, [], ["one"], 10, None) == set()


class TestJoin:
    def join(
        self, parts: SearchPartRepository, owner: str, portions: list[Portion], gone: Collection[bytes] = ()
    ) -> Portion:
        return parts.join(owner, EXPIRES, portions, nothing, gone)

    @pytest.fixture
    def two(self, parts: SearchPartRepository, ada: str) -> list[Portion]:
        return [
            add(parts, ada, KEYS[:6], {"one": [0, 3], "two": [1]}),
            add(parts, ada, KEYS[6:10], {"one": [0], "three": [3]}),
        ]

    def test_has_all_of_both(self, parts: SearchPartRepository, two: list[Portion], ada: str) -> None:
        made = self.join(parts, ada, two)
        assert (made.size, made.count, made.last) == (1, 10, KEYS[9])
        assert parts.keys(ada, made) == [key.binary for key in KEYS[:10]]
        for piece, found in (("one", (0, 3, 6)), ("two", (1,)), ("three", (9,))):
            assert parts.find(ada, [made], [piece], 10, None) == {KEYS[each] for each in found}
        # What it was made of is there until somebody removes it.
        assert parts.find(ada, two, ["one"], 10, None) == {KEYS[each] for each in (0, 3, 6)}

    def test_one_without_what_has_gone(
        self, parts: SearchPartRepository, two: list[Portion], ada: str
    ) -> None:
        made = self.join(parts, ada, two[:1], {KEYS[0].binary, KEYS[1].binary})
        assert (made.size, made.count, made.last) == (0, 6, KEYS[5])
        assert parts.keys(ada, made) == [NO_KEY, NO_KEY, *(key.binary for key in KEYS[2:6])]
        assert parts.find(ada, [made], ["one"], 10, None) == {KEYS[3]}
        assert parts.find(ada, [made], ["two"], 10, None) == set()
        again = self.join(parts, ada, [made], {KEYS[3].binary})
        assert parts.keys(ada, again)[:4] == [NO_KEY, NO_KEY, KEYS[2].binary, NO_KEY]

    @pytest.mark.parametrize("after", [0, 2])
    def test_what_ends_it_leaves_nothing(
        self, parts: SearchPartRepository, database: Database, two: list[Portion], ada: str, after: int
    ) -> None:
        before, rests = names(database), iter(range(after))
        with pytest.raises(StopIteration):
            parts.join(ada, EXPIRES, two, lambda: next(rests))
        assert names(database) == before

    def test_of_what_is_lost_nothing_is_made(
        self, parts: SearchPartRepository, database: Database, two: list[Portion], ada: str
    ) -> None:
        database.collection("echo_search_parts").delete_one({"_id": two[1].part(2)})
        before = names(database)
        with pytest.raises(Lost):
            self.join(parts, ada, two)
        assert names(database) == before


class TestRemoving:
    def test_takes_all_of_a_portion_and_nothing_else(
        self, parts: SearchPartRepository, database: Database, ada: str, bob: str
    ) -> None:
        first, second, third = (add(parts, ada, KEYS[:6], {"one": [0]}) for _ in range(3))
        parts.remove(bob, first)
        assert len(names(database)) == 15
        parts.remove(ada, first, third)
        assert names(database) == {f"{second.name}.{each}" for each in ("0", "1", "2", "k0", "k1")}

    def test_takes_all_of_an_owner(
        self, parts: SearchPartRepository, database: Database, ada: str, bob: str
    ) -> None:
        add(parts, ada, KEYS[:6], {"one": [0]})
        add(parts, bob, KEYS[:6], {"one": [0]})
        parts.remove_all(ada)
        assert database.collection("echo_search_parts").distinct("user") == [bob]

    def test_one_is_kept_for_longer(
        self, parts: SearchPartRepository, database: Database, ada: str, bob: str
    ) -> None:
        kept, other = (add(parts, ada, KEYS[:6], {"one": [0]}) for _ in range(2))
        later = EXPIRES + timedelta(days=1)
        parts.keep(bob, kept, later)
        rows = database.collection("echo_search_parts")
        assert rows.distinct("expiresAt") == [EXPIRES]
        parts.keep(ada, kept, later)
        assert {each["_id"].split(".")[0] for each in rows.find({"expiresAt": later})} == {kept.name}
        assert rows.count_documents({"expiresAt": later}) == 5
        assert rows.count_documents({"expiresAt": EXPIRES, "_id": {"$regex": f"^{other.name}"}}) == 5
