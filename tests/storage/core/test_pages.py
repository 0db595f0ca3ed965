"""Keyset cursors: they go on exactly where the page ended, and nothing else passes for one."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bson import ObjectId

from storage.core.database import Database, Document
from storage.core.errors import BrokenCursor
from storage.core.pages import Keyset, Page
from tests.support.chats import START, every_page

NEWEST_FIRST = Keyset("at", True, "things")
OLDEST_FIRST = Keyset("at", False, "things")

ROW = {"_id": ObjectId("6b043d3a061cc954c9774424"), "at": datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)}


def read(database: Database, keyset: Keyset, limit: int, cursor: str | None) -> Page:
    rows = database.collection("things").find(keyset.after(cursor)).sort(keyset.sort).limit(limit + 1)
    return keyset.page(list(rows), limit)


def rows_with_ties() -> list[Document]:
    """30 rows at 4 moments, one of them before 1970, two of them a millisecond apart."""
    moments = [datetime(1969, 12, 31, 23, 59, 59, 999000, UTC), START, START + timedelta(milliseconds=1)]
    moments.append(START + timedelta(days=1))
    return [{"_id": ObjectId(), "at": moments[number % 4]} for number in range(30)]


def cursor_of(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def a_cursor(keyset: Keyset = NEWEST_FIRST) -> str:
    rows = [{"_id": ObjectId(), "at": START} for _ in range(2)]
    cursor = keyset.page(rows, 1).next_cursor
    assert cursor is not None
    return cursor


BY_NAME = Keyset("name", False, "things", of_text=True)
BY_NAME_DOWN = Keyset("name", True, "things", of_text=True)
NAMES = ["b", "", "a", None, "ä", "b", "🍲", "B", "a\x00", None]


class TestWritten:
    @pytest.mark.parametrize(
        ("keyset", "row", "cursor"),
        [
            (
                Keyset("updatedAt", True, "conversations|False|"),
                {"updatedAt": datetime(2026, 1, 2, 3, 4, 5, 678000)},
                "WzE3NjczMjMwNDU2NzgsIjY1YTBjMWQyZTNmNDA1MTYyNzM4NDk1YSIsImNmM2Q1M2VhIl0",
            ),
            (
                Keyset("title", False, "conversations|False|", of_text=True),
                {"title": 'Größe "a\\b" \n\x01\x7f\u2028€😀/'},
                "WyJHcsO2w59lIFwiYVxcYlwiIFxuXHUwMDAxf-KAqOKCrPCfmIAvIiwiNjVhMGMxZDJlM2Y0MDUxNjI3Mzg0OTVhIiwiZjY4YjE4NTkiXQ",
            ),
            (
                Keyset("title", False, "conversations|False|", of_text=True),
                {},
                "W251bGwsIjY1YTBjMWQyZTNmNDA1MTYyNzM4NDk1YSIsImY2OGIxODU5Il0",
            ),
        ],
    )
    def test_cursors_that_clients_have_stay_good(self, keyset: Keyset, row: Document, cursor: str) -> None:
        key = {"_id": ObjectId("65a0c1d2e3f405162738495a")}
        assert keyset.page([{**key, **row}] * 2, 1).next_cursor == cursor


class TestTexts:
    @pytest.mark.parametrize("limit", [1, 3, 20])
    @pytest.mark.parametrize("keyset", [BY_NAME, BY_NAME_DOWN], ids=["up", "down"])
    def test_pages_neither_repeat_nor_drop_with_ties_and_without_a_name(
        self, empty_database: Database, keyset: Keyset, limit: int
    ) -> None:
        things = empty_database.collection("things")
        things.insert_many({"name": name} if name is not None else {} for name in NAMES)
        pages = list(every_page(lambda cursor: read(empty_database, keyset, limit, cursor)))
        seen = [row["_id"] for page in pages for row in page]
        assert seen == [row["_id"] for row in things.find().sort(keyset.sort)]
        assert len(seen) == len(NAMES)

    @pytest.mark.parametrize("value", [0, 1.5, True, [], {}, "\ud800"])
    def test_a_cursor_with_another_value_is_broken(self, value: Any) -> None:
        row = {"_id": ObjectId(), "name": "a"}
        cursor = BY_NAME.page([row, row], 1).next_cursor
        assert cursor is not None
        plain = json.loads(base64.urlsafe_b64decode(cursor + "=="))
        assert BY_NAME.after(cursor_of(plain))
        with pytest.raises(BrokenCursor):
            BY_NAME.after(cursor_of([value, *plain[1:]]))

    def test_a_cursor_of_dates_is_none_of_texts(self) -> None:
        with pytest.raises(BrokenCursor):
            Keyset("at", True, "things", of_text=True).after(a_cursor())


class TestPaging:
    @pytest.mark.parametrize("limit", [1, 2, 7, 29, 30, 31])
    @pytest.mark.parametrize("keyset", [NEWEST_FIRST, OLDEST_FIRST], ids=["newest", "oldest"])
    def test_neither_repeats_nor_drops_a_row_whatever_the_ties(
        self, empty_database: Database, keyset: Keyset, limit: int
    ) -> None:
        rows = rows_with_ties()
        empty_database.collection("things").insert_many(rows)
        pages = list(every_page(lambda cursor: read(empty_database, keyset, limit, cursor)))
        seen = [row["_id"] for page in pages for row in page]
        expected = sorted(rows, key=lambda row: (row["at"], row["_id"]), reverse=keyset.descending)
        assert seen == [row["_id"] for row in expected]
        assert all(len(page) == limit for page in pages[:-1])

    def test_the_last_page_has_no_cursor_even_when_it_is_full(self) -> None:
        rows = rows_with_ties()
        assert NEWEST_FIRST.page(rows, 30).next_cursor is None
        assert NEWEST_FIRST.page(rows, 29).next_cursor is not None

    def test_of_nothing_is_an_empty_page(self) -> None:
        assert NEWEST_FIRST.page([], 5) == Page([], None)

    def test_rows_that_arrive_or_go_meanwhile_do_not_shift_the_others(self, empty_database: Database) -> None:
        things = empty_database.collection("things")
        rows = rows_with_ties()
        things.insert_many(rows)
        first = read(empty_database, NEWEST_FIRST, 10, None)
        things.insert_one({"_id": ObjectId(), "at": START + timedelta(days=9)})
        # Also the row that the cursor names.
        things.delete_one({"_id": first.items[-1]["_id"]})
        rest = read(empty_database, NEWEST_FIRST, 30, first.next_cursor)
        seen = [row["_id"] for row in first.items + rest.items]
        assert sorted(seen) == sorted(row["_id"] for row in rows)

    @pytest.mark.parametrize("limit", [1, 2, 3, 7])
    @pytest.mark.parametrize("keyset", [NEWEST_FIRST, OLDEST_FIRST], ids=["newest", "oldest"])
    def test_rows_without_a_date_count_as_the_oldest(
        self, empty_database: Database, keyset: Keyset, limit: int
    ) -> None:
        undated: list[Document] = [{"_id": ObjectId(), "at": None}, {"_id": ObjectId()}, {"_id": ObjectId()}]
        dated = [{"_id": ObjectId(), "at": START}, {"_id": ObjectId(), "at": datetime(1, 1, 2, tzinfo=UTC)}]
        empty_database.collection("things").insert_many([*dated, *undated])
        pages = list(every_page(lambda cursor: read(empty_database, keyset, limit, cursor)))
        seen = [row["_id"] for page in pages for row in page]
        oldest_first = [row["_id"] for row in (*undated, *reversed(dated))]
        assert seen == (oldest_first[::-1] if keyset.descending else oldest_first)

    def test_a_row_with_something_else_for_a_date_breaks_nothing(self, empty_database: Database) -> None:
        empty_database.collection("things").insert_many([{"at": START}, {"at": None}, {}, {"at": "then"}])
        pages = list(every_page(lambda cursor: read(empty_database, NEWEST_FIRST, 1, cursor)))
        assert pages[0][0]["at"] == START


class TestUntil:
    @pytest.mark.parametrize("keyset", [NEWEST_FIRST, OLDEST_FIRST])
    def test_are_all_rows_before_and_those_that_are_level(
        self, empty_database: Database, keyset: Keyset
    ) -> None:
        things = empty_database.collection("things")
        things.insert_many([*rows_with_ties(), {"at": None}, {"other": 1}])
        every = list(things.find().sort(keyset.sort))
        for row in every:
            last = max(number for number, each in enumerate(every) if each.get("at") == row.get("at"))
            wanted = every[: last + 1] if row.get("at") else every
            assert list(things.find(keyset.until(row)).sort(keyset.sort)) == wanted

    def test_of_something_else_for_a_value_nothing_is_known(self) -> None:
        assert NEWEST_FIRST.until({"at": "yesterday"}) == {}
        assert Keyset("name", False, "things", of_text=True).until({"name": START}) == {}
        assert Keyset("name", False, "things", of_text=True).until({"name": "b"}) == {
            "name": {"$not": {"$gt": "b"}}
        }


class TestCursor:
    def test_fits_into_an_address_as_it_is(self) -> None:
        assert set(a_cursor()) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")

    def test_is_accepted_by_its_own_list(self) -> None:
        assert NEWEST_FIRST.after(a_cursor()) != {}

    @pytest.mark.parametrize(
        "other",
        [OLDEST_FIRST, Keyset("at", True, "others"), Keyset("then", True, "things")],
        ids=["direction", "filters", "sort key"],
    )
    def test_of_another_list_is_refused(self, other: Keyset) -> None:
        with pytest.raises(BrokenCursor):
            other.after(a_cursor())

    @pytest.mark.parametrize(
        "change", [lambda text: text[:-3], lambda text: text[4:], lambda text: text + "AAAA"]
    )
    def test_cut_or_lengthened_is_refused(self, change: Any) -> None:
        with pytest.raises(BrokenCursor):
            NEWEST_FIRST.after(change(a_cursor()))

    @pytest.mark.parametrize(
        "text", ["", "=", "A", "é", "\0", "\ud800", "not a cursor", "e30", "W10", "bnVsbA", "/+" * 8]
    )
    def test_noise_is_refused(self, text: str) -> None:
        with pytest.raises(BrokenCursor):
            NEWEST_FIRST.after(text)

    @pytest.mark.parametrize(
        ("milliseconds", "row_id"),
        [
            (10**30, "0" * 24),
            (-(10**16), "0" * 24),
            (10**15, "0" * 24),
            (1.5, "0" * 24),
            (True, "0" * 24),
            ("0", "0" * 24),
            ("null", "0" * 24),
            ({"$gt": 0}, "0" * 24),
            (0, None),
            (0, "0" * 23),
            (0, {"$ne": 0}),
            (0, 5),
        ],
    )
    def test_well_formed_but_forged_is_refused(self, milliseconds: Any, row_id: Any) -> None:
        padded = a_cursor() + "=" * (-len(a_cursor()) % 4)
        fingerprint = json.loads(base64.urlsafe_b64decode(padded))[2]
        assert NEWEST_FIRST.after(cursor_of([0, "0" * 24, fingerprint])) != {}
        with pytest.raises(BrokenCursor):
            NEWEST_FIRST.after(cursor_of([milliseconds, row_id, fingerprint]))

    def test_nested_without_end_is_refused(self) -> None:
        text = base64.urlsafe_b64encode(b"[" * 100_000).decode()
        with pytest.raises(BrokenCursor):
            NEWEST_FIRST.after(text)


class TestForm:
    """What a cursor looks like: clients keep them over an upgrade."""

    @pytest.mark.parametrize(
        ("keyset", "row", "written"),
        [
            (NEWEST_FIRST, ROW, '[1767323045678,"6b043d3a061cc954c9774424","9c453da7"]'),
            (OLDEST_FIRST, ROW, '[1767323045678,"6b043d3a061cc954c9774424","23901605"]'),
            (NEWEST_FIRST, {"_id": ROW["_id"]}, '[null,"6b043d3a061cc954c9774424","9c453da7"]'),
            # What a client asked for is part of the kind, half a character too.
            (
                Keyset("at", True, "things|\ud800"),
                ROW,
                '[1767323045678,"6b043d3a061cc954c9774424","32d0d075"]',
            ),
        ],
    )
    def test_is_short_json_in_base64_without_padding(
        self, keyset: Keyset, row: Document, written: str
    ) -> None:
        cursor = keyset.page([row, row], 1).next_cursor
        assert cursor is not None
        assert base64.urlsafe_b64decode(cursor + "==").decode() == written
        assert cursor.isascii()
        assert "=" not in cursor

    @pytest.mark.parametrize("extra", ["!", "+", "/", " ", "\n", "*", "."])
    def test_has_no_other_letters(self, extra: str) -> None:
        # Four of them leave the padding as it was.
        cursor = a_cursor()
        for at in (0, 10, len(cursor)):
            with pytest.raises(BrokenCursor):
                NEWEST_FIRST.after(cursor[:at] + extra * 4 + cursor[at:])

    def test_asks_for_rows_without_a_date_at_the_end_of_a_falling_list_only(self) -> None:
        falling, rising = NEWEST_FIRST.after(a_cursor()), OLDEST_FIRST.after(a_cursor(OLDEST_FIRST))
        assert [list(each) for each in falling["$or"]] == [["at"], ["at", "_id"], ["at"]]
        assert falling["$or"][2] == {"at": None}
        assert [list(each) for each in rising["$or"]] == [["at"], ["at", "_id"]]
