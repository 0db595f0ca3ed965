"""`echo-api migrate`: what it says, what it does, and with which exit code."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import Result
from pymongo import MongoClient

from tests.cli.conftest import KEYS, Run
from tests.support.database import named_database


@pytest.fixture
def uri(mongo_uri: str) -> Iterator[str]:
    with named_database(mongo_uri, "echo_migrate") as uri:
        yield uri


@pytest.fixture
def raw(uri: str) -> Iterator[Any]:
    with MongoClient[dict[str, Any]](uri) as client:
        yield client.get_default_database()


def states(result: Result) -> set[str]:
    return {each["state"] for each in json.loads(result.stdout)["indexes"]}


class TestDryRun:
    def test_says_what_would_be_made_and_makes_nothing(self, run: Run, uri: str, raw: Any) -> None:
        raw["users"].insert_one({"email": "ada@example.com"})
        result = run("migrate", "--dry-run", MONGO_URI=uri, **KEYS)
        assert result.exit_code == 0, result.output
        assert "email, tenantId" in result.stdout
        assert "to be made" in result.stdout
        assert "none dropped, no document changed" in result.stdout
        assert list(raw["users"].index_information()) == ["_id_"]

    def test_as_json_is_for_programs(self, run: Run, uri: str, raw: Any) -> None:
        result = run("migrate", "--dry-run", "--json", MONGO_URI=uri, **KEYS)
        body = json.loads(result.stdout)
        assert (body["database"], body["dry_run"]) == (raw.name, True)
        assert set(body["indexes"][0]) == {
            "collection",
            "index",
            "name",
            "options",
            "documents",
            "state",
            "reason",
        }
        assert states(result) == {"to be made"}


class TestMigrate:
    def test_makes_them_once_and_leaves_documents_and_other_indexes(
        self, run: Run, uri: str, raw: Any
    ) -> None:
        document = {"email": "ada@example.com", "unknown": [1, {"a": None}]}
        raw["users"].insert_one(document)
        raw["users"].create_index("unknown", name="somebody-elses")
        first = run("migrate", "--json", MONGO_URI=uri, **KEYS)
        assert (first.exit_code, states(first)) == (0, {"made"})
        second = run("migrate", "--json", MONGO_URI=uri, **KEYS)
        assert (second.exit_code, states(second)) == (0, {"there"})
        assert {"email_1_tenantId_1", "somebody-elses"} <= raw["users"].index_information().keys()
        assert raw["users"].find_one() == document

    def test_one_in_the_way_is_named_and_ends_with_1(self, run: Run, uri: str, raw: Any) -> None:
        raw["sessions"].create_index("expiration", expireAfterSeconds=60)
        for arguments in (["--dry-run"], []):
            result = run("migrate", *arguments, MONGO_URI=uri, **KEYS)
            assert result.exit_code == 1
            assert "in conflict" in result.stdout
            assert "expiring after 60 s" in result.stdout
            assert "1 cannot be made" in result.stdout
        # The others were made all the same.
        assert "user_1" in raw["sessions"].index_information()
        assert raw["sessions"].index_information()["expiration_1"]["expireAfterSeconds"] == 60

    def test_doubles_are_counted(self, run: Run, uri: str, raw: Any) -> None:
        raw["presets"].insert_many([{"presetId": "same"}, {"presetId": "same"}])
        result = run("migrate", "--json", MONGO_URI=uri, **KEYS)
        assert result.exit_code == 1
        assert states(result) == {"made", "has doubles"}
        assert raw["presets"].count_documents({}) == 2

    @pytest.mark.slow
    def test_without_a_database_of_ones_own_it_is_the_embedded_one(self, run: Run) -> None:
        assert states(run("migrate", "--json")) == {"made"}
        assert states(run("migrate", "--json", "--dry-run")) == {"there"}


class TestRefusals:
    def test_no_database(self, run: Run) -> None:
        result = run("migrate", MONGO_URI="mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=100", **KEYS)
        assert (result.exit_code, result.stdout) == (69, "")
        assert "does not answer" in result.stderr

    def test_broken_settings(self, run: Run) -> None:
        result = run("migrate", PORT="x")
        assert (result.exit_code, result.stdout) == (78, "")
        assert "PORT" in result.stderr
