"""What the doctor says of a database."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pymongo import MongoClient

from echo.doctor import Finding, begin, databases
from echo.doctor.databases import check_database, check_deployment, check_embedded, check_second_factors
from storage.core.database import Database
from storage.embedded import binary, server
from storage.embedded.binary import EmbeddedUnavailable
from storage.operator.indexes import ensure_indexes
from tests.support.database import named_database
from tests.support.single_server import single_server
from tests.support.stopped import server_pid, stopped

KEYS = {"JWT_SECRET": "tests-only-" + "a1B2" * 8, "JWT_REFRESH_SECRET": "tests-only-" + "c3D4" * 8}


def look(uri: str) -> dict[str, Finding]:
    return {each.about: each for each in check_deployment(uri, embedded=False)}


class TestADeployment:
    def test_that_is_ready(self, mongo_uri: str) -> None:
        with named_database(mongo_uri, "echo_doctor") as uri:
            database = Database(uri)
            ensure_indexes(database)
            database.close()
            found = look(uri)
        assert found["writes"].status == "ok"
        assert found["clock"].status == "ok"
        assert found["indexes"].status == "ok"

    def test_with_an_index_in_the_way(self, mongo_uri: str) -> None:
        with named_database(mongo_uri, "echo_doctor") as uri, MongoClient[dict[str, Any]](uri) as client:
            client.get_default_database()["sessions"].create_index("expiration", expireAfterSeconds=60)
            found = [each for each in check_deployment(uri, embedded=False) if each.about == "indexes"]
        assert [str(each.status) for each in found] == ["warning", "warning"]
        assert "sessions (expiration)" in found[0].what
        assert "migrate" in found[0].todo

    def test_that_is_a_single_server(self) -> None:
        with single_server() as uri:
            found = look(f"{uri}x")
        assert found["transactions"].status == "warning"
        assert "--replSet" in found["transactions"].todo
        assert found["writes"].status == "ok"

    def test_that_takes_connections_and_says_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(databases, "TIMEOUT_MS", 1000)
        with single_server() as uri, stopped(server_pid(uri)):
            found = look(f"{uri}x")
        assert found["database"].status == "failed"
        assert found["database"].what.endswith("cannot be reached: it does not answer")

    def test_that_asks_for_a_password(self) -> None:
        with single_server("--auth") as uri:
            for where in (f"{uri}x", uri.replace("//", "//ada:wrong-canary@") + "x"):
                found = look(where)["database"]
                assert found.status == "failed"
                assert "does not let us in" in found.what
                assert "canary" not in found.what + found.todo

    def test_whose_writes_wait_for_servers_that_are_not_there(self, mongo_uri: str) -> None:
        with named_database(mongo_uri, "echo_doctor") as uri:
            found = look(f"{uri}{'&' if '?' in uri else '?'}w=7")["writes"]
        assert found.status == "failed"

    @pytest.mark.parametrize(
        ("uri", "what"),
        [
            ("mongodb://127.0.0.1:1/x", "127.0.0.1:1 cannot be reached: nothing listens there"),
            ("mongodb://%2Fnowhere.sock/x", "/nowhere.sock cannot be reached: there is no such socket"),
            ("mongodb://127.0.0.1:0/x", "MONGO_URI cannot be used as it is"),
            ("mongodb://ada:canary/7@h/x", "MONGO_URI cannot be used as it is"),
        ],
    )
    def test_that_is_not_there(self, uri: str, what: str) -> None:
        query = "?serverSelectionTimeoutMS=100"
        found = list(check_deployment(uri + query, embedded=False))
        assert [(str(each.status), each.what) for each in found] == [("failed", what)]


class TestTheEmbeddedOne:
    def test_that_cannot_run_says_what_to_do(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def missing() -> Path:
            raise EmbeddedUnavailable("it is not installed.")

        monkeypatch.setattr(server, "installed_mongod", missing)
        [found] = check_embedded(tmp_path / "mongodb")
        assert found.what == "The embedded MongoDB cannot run: it is not installed"
        assert found.todo.startswith("Set MONGO_URI")
        assert binary.installed_mongod

    def test_that_has_no_place(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        [found] = check_embedded(tmp_path / "file" / "mongodb")
        assert found.status == "failed"

    def test_is_not_started_in_place_of_one_that_is_badly_named(self, tmp_path: Path) -> None:
        environ = {"MONGO_URI": "http://db", "ECHO_DATA_DIR": str(tmp_path / "data")}
        assert [str(each.status) for each in check_database(begin(environ, None))] == ["skipped"]
        assert not (tmp_path / "data").exists()


class TestSecondFactors:
    CREDS: ClassVar[dict[str, str]] = {"CREDS_KEY": "c0" * 32, "CREDS_IV": "d1" * 16}

    @pytest.fixture
    def uri(self, mongo_uri: str) -> Iterator[str]:
        with named_database(mongo_uri, "echo_doctor") as uri, MongoClient[dict[str, Any]](uri) as client:
            users = client.get_default_database()["users"]
            users.insert_many([{"twoFactorEnabled": flag} for flag in (True, True, False, None)])
            yield uri

    def look(self, uri: str, **environ: str) -> list[Finding]:
        return list(check_second_factors(begin({"MONGO_URI": uri, **KEYS, **environ}, None)))

    def test_that_cannot_be_read_are_counted(self, uri: str) -> None:
        [found] = self.look(uri)
        assert found.status == "warning"
        assert found.what.endswith(": 2")
        assert "CREDS_KEY" in found.todo

    def test_that_can_be_read_are_no_finding(self, uri: str) -> None:
        assert self.look(uri, **self.CREDS) == []

    def test_that_there_are_none_of_is_no_finding(self, mongo_uri: str) -> None:
        with named_database(mongo_uri, "echo_doctor") as uri:
            assert self.look(uri) == []

    def test_what_the_settings_say_already_is_not_said_again(self, uri: str) -> None:
        assert self.look(uri, CREDS_KEY="short") == []
        assert self.look("http://x") == []

    def test_a_database_that_is_not_there_is_said_elsewhere(self) -> None:
        assert self.look("mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=100") == []
