import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import click
import pytest
from bson import ObjectId
from pymongo.database import Database as MongoDatabase

from echo.accounts.passwords import hash_password
from echo.cli import main
from storage.accounts.users import UserRepository
from storage.core.database import Database
from storage.operator.administration import AccountDirectory
from tests.cli.conftest import CommandLine
from tests.conftest import PASSWORD, Client

Stored = MongoDatabase[dict[str, Any]]
EMAIL = "ada@example.com"


@pytest.fixture(autouse=True)
def quick_hashes() -> None:
    """Hashes here cost what they cost in production, which is among what is asserted."""


@cache
def hashed() -> str:
    return hash_password(PASSWORD)


def new_user(
    echo_api: CommandLine, email: str = EMAIL, *, username: str = "", role: str | None = None
) -> dict[str, Any]:
    """A user without the cost of the command, which has tests of its own."""
    database = Database(echo_api.environ["MONGO_URI"])
    users = UserRepository(database)
    made = users.create(name="Some", email=email, username=username, password_hash=hashed(), role=role)
    database.close()
    return {"id": str(made["_id"])}


def created(echo_api: CommandLine, email: str = EMAIL, *options: str) -> dict[str, Any]:
    arguments = ("user", "create", email, "--password-stdin", *options)
    made: dict[str, Any] = echo_api.json(*arguments, typed=PASSWORD + "\n")
    return made


def log_in(api: Client, email: str = EMAIL, password: str = PASSWORD) -> Any:
    return api.post("/api/auth/login", json={"email": email, "password": password})


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


class TestPasswords:
    def test_no_option_and_no_argument_takes_one(self) -> None:
        looked_at = 0
        for path, command in commands(main):
            for parameter in command.params:
                if re.search(r"password|secret|token(?!s)|stdin", str(parameter.name)):
                    looked_at += 1
                    assert isinstance(parameter, click.Option), path
                    assert parameter.is_flag, path
        assert looked_at >= 2

    @pytest.mark.parametrize("command", [("create", "eve@example.com"), ("set-password", EMAIL)])
    def test_without_a_terminal_the_call_must_say_where_it_comes_from(
        self, echo_api: CommandLine, command: tuple[str, ...]
    ) -> None:
        assert "--password-stdin or --generate" in echo_api.refused("user", *command, code=2)
        assert "not both" in echo_api.refused("user", *command, "--password-stdin", "--generate", code=2)

    def test_spaces_of_one_from_stdin_count(self, echo_api: CommandLine, api: Client) -> None:
        padded = "  with spaces around  "
        echo_api.run("user", "create", EMAIL, "--password-stdin", typed=padded + "\r\n")
        assert log_in(api, password=padded).status_code == 200
        assert log_in(api, password=padded.strip()).status_code == 401


class TestCreate:
    def test_makes_what_a_registration_makes_in_librechats_shape(
        self, echo_api: CommandLine, stored: Stored
    ) -> None:
        first = created(echo_api, "Ada@Example.COM", "--name", "Ada L", "--username", "Ada")
        second = created(echo_api, "bob@example.com")
        [ada, bob] = stored.users.find().sort("_id")
        assert (first["id"], second["id"]) == (str(ada["_id"]), str(bob["_id"]))
        assert (ada["email"], ada["name"], ada["username"], ada["role"]) == (EMAIL, "Ada L", "ada", "ADMIN")
        assert (bob["email"], bob["name"], bob["role"]) == ("bob@example.com", "bob", "USER")
        assert ada["emailVerified"] is True
        assert ada["provider"] == "local"
        assert ada["password"].startswith("$2b$10$")

    def test_the_user_logs_in_with_a_generated_password(self, echo_api: CommandLine, api: Client) -> None:
        made = echo_api.json("user", "create", EMAIL, "--generate")
        assert len(made["password"]) >= 16
        assert log_in(api, password=made["password"]).status_code == 200

    def test_prints_no_password_that_it_was_given(self, echo_api: CommandLine) -> None:
        result = echo_api.run("user", "create", EMAIL, "--password-stdin", typed=PASSWORD + "\n")
        assert PASSWORD not in result.output
        assert "$2b$" not in result.output
        assert EMAIL in result.stdout

    def test_a_role_that_is_given_wins(self, echo_api: CommandLine) -> None:
        assert created(echo_api, EMAIL, "--role", "USER")["role"] == "USER"
        assert created(echo_api, "bob@example.com", "--role", "ADMIN")["role"] == "ADMIN"

    def test_a_taken_address_is_one_sentence(self, echo_api: CommandLine) -> None:
        new_user(echo_api)
        arguments = ("user", "create", "ADA@example.com", "--password-stdin")
        said = echo_api.refused(*arguments, typed=PASSWORD + "\n")
        assert said == "echo-api: That email is already registered.\n"

    @pytest.mark.parametrize(
        ("arguments", "password", "named"),
        [
            (("nobody",), PASSWORD, "e-mail address"),
            ((EMAIL,), "short", "at least 8 characters"),
            ((EMAIL,), "password123", "most common"),
            ((EMAIL,), "", "at least 8 characters"),
            ((EMAIL, "--role", "KING"), PASSWORD, "no role 'KING'; there are ADMIN, USER"),
        ],
    )
    def test_what_a_registration_refuses_is_refused(
        self, echo_api: CommandLine, stored: Stored, arguments: tuple[str, ...], password: str, named: str
    ) -> None:
        said = echo_api.refused("user", "create", *arguments, "--password-stdin", typed=password + "\n")
        assert named in said
        assert stored.users.count_documents({}) == 0


class TestList:
    def test_is_a_table_or_json(self, echo_api: CommandLine) -> None:
        new_user(echo_api)
        assert EMAIL in echo_api.run("user", "list").stdout
        [row] = echo_api.json("user", "list")
        assert row["email"] == EMAIL
        assert "password" not in row

    def test_an_empty_one_is_empty(self, echo_api: CommandLine) -> None:
        assert echo_api.json("user", "list") == []

    def test_finds_parts_of_names_and_addresses_as_plain_text(
        self, echo_api: CommandLine, stored: Stored
    ) -> None:
        stored.users.insert_many(
            [{"email": f"u{n}@example.com", "name": f"Name {n}", "username": f"x{n}.*"} for n in range(3)]
        )
        emails = [row["email"] for row in echo_api.json("user", "list", "--search", "NAME 1")]
        assert emails == ["u1@example.com"]
        assert len(echo_api.json("user", "list", "--search", ".*")) == 3
        assert echo_api.json("user", "list", "--search", "u.@") == []

    def test_pages_follow_each_other(self, echo_api: CommandLine, stored: Stored) -> None:
        stored.users.insert_many([{"email": f"u{n}@example.com"} for n in range(7)])
        seen: list[str] = []
        after: tuple[str, ...] = ()
        for size in (3, 3, 1):
            result = echo_api.run("user", "list", "--json", "--limit", "3", *after)
            page = json.loads(result.stdout)
            assert len(page) == size
            assert ("There are more" in result.stderr) is (size == 3)
            seen += [row["email"] for row in page]
            after = ("--after", page[-1]["id"])
        assert seen == [f"u{n}@example.com" for n in range(7)]
        assert len(echo_api.json("user", "list", "--limit", "0")) == 7
        assert "id of a user" in echo_api.refused("user", "list", "--after", "x")

    def test_those_of_a_role(self, echo_api: CommandLine, stored: Stored) -> None:
        stored.users.insert_many(
            [{"email": "a", "role": "ADMIN"}, {"email": "b"}, {"email": "c", "role": "USER"}]
        )
        listed = {role: echo_api.json("user", "list", "--role", role) for role in ("ADMIN", "USER")}
        assert {role: [row["email"] for row in rows] for role, rows in listed.items()} == {
            "ADMIN": ["a"],
            "USER": ["b", "c"],
        }

    def test_those_who_are_banned(self, echo_api: CommandLine) -> None:
        new_user(echo_api)
        new_user(echo_api, "bob@example.com")
        echo_api.run("user", "ban", "bob@example.com", "--yes")
        [row] = echo_api.json("user", "list", "--banned")
        assert row["email"] == "bob@example.com"
        assert row["bannedUntil"].endswith("Z")


class TestShow:
    @pytest.mark.parametrize("name", [EMAIL, "ADA@EXAMPLE.COM", "ada", "id"])
    def test_finds_the_user_by_address_id_or_username(self, echo_api: CommandLine, name: str) -> None:
        made = new_user(echo_api, EMAIL, username="ada")
        assert echo_api.json("user", "show", made["id"] if name == "id" else name)["email"] == EMAIL

    def test_a_username_of_two_names_nobody(self, echo_api: CommandLine) -> None:
        ids = [new_user(echo_api, f"{n}@example.com", username="twin")["id"] for n in range(2)]
        said = echo_api.refused("user", "show", "twin")
        assert all(each in said for each in ids)

    @pytest.mark.parametrize("name", ["nobody", "nobody@example.com", "0" * 24, "", "\x1b[2J"])
    def test_nobody_is_one_sentence(self, echo_api: CommandLine, name: str) -> None:
        said = echo_api.refused("user", "show", name)
        assert said.startswith("echo-api: There is no user ")
        assert "\x1b" not in said

    def test_counts_what_there_is_and_shows_no_secret(self, echo_api: CommandLine, stored: Stored) -> None:
        owner = new_user(echo_api)["id"]
        secrets = {
            "totpSecret": "canary-1",
            "backupCodes": [{"codeHash": "canary-2"}],
            "openidId": "canary-3",
        }
        stored.users.update_one({}, {"$set": secrets})
        stored.messages.insert_many([{"user": owner, "messageId": str(n)} for n in range(3)])
        stored.files.insert_one({"user": ObjectId(owner), "file_id": "f"})
        stored["keys"].insert_one({"userId": ObjectId(owner), "name": "openAI", "value": "canary-4"})
        shown = echo_api.json("user", "show", EMAIL)
        assert shown["documents"] == {"files": 1, "keys": 1, "messages": 3}
        for text in (json.dumps(shown), echo_api.run("user", "show", EMAIL).output):
            assert "canary" not in text
            assert "$2b$" not in text


class TestSetPassword:
    def test_ends_all_sessions_and_only_the_new_one_is_good(
        self, echo_api: CommandLine, api: Client, stored: Stored
    ) -> None:
        new_user(echo_api)
        new_user(echo_api, "bob@example.com")
        token = log_in(api).json()["token"]
        log_in(api, "bob@example.com")
        done = echo_api.json("user", "set-password", EMAIL, "--generate")
        assert done["sessionsEnded"] == 1
        assert stored.sessions.count_documents({}) == 1
        refresh = api.post("/api/auth/refresh", headers={"Authorization": f"Bearer {token}"})
        assert refresh.status_code == 401
        assert log_in(api).status_code == 401
        assert log_in(api, password=done["password"]).status_code == 200

    def test_a_weak_one_changes_nothing(self, echo_api: CommandLine, api: Client) -> None:
        new_user(echo_api)
        said = echo_api.refused("user", "set-password", EMAIL, "--password-stdin", typed="short\n")
        assert "8 characters" in said
        assert log_in(api).status_code == 200

    def test_of_nobody_is_refused(self, echo_api: CommandLine) -> None:
        assert "no user" in echo_api.refused("user", "set-password", "nobody", "--generate")


class TestSetRole:
    def test_the_next_access_token_has_it(self, echo_api: CommandLine, api: Client) -> None:
        new_user(echo_api)
        new_user(echo_api, "bob@example.com")
        headers = {"Authorization": f"Bearer {log_in(api, 'bob@example.com').json()['token']}"}
        echo_api.run("user", "set-role", "bob@example.com", "ADMIN")
        assert api.post("/api/auth/refresh", headers=headers).json()["user"]["role"] == "admin"

    def test_the_last_administrator_stays_one(self, echo_api: CommandLine, stored: Stored) -> None:
        new_user(echo_api)
        assert "last administrator" in echo_api.refused("user", "set-role", EMAIL, "USER")
        echo_api.run("user", "set-role", EMAIL, "ADMIN")
        new_user(echo_api, "bob@example.com", role="ADMIN")
        echo_api.run("user", "set-role", EMAIL, "USER")
        echo_api.run("user", "set-role", "bob@example.com", "USER", "--force")
        assert stored.users.count_documents({"role": "ADMIN"}) == 0

    @pytest.mark.parametrize("command", [("set-role", "USER"), ("delete", "--yes")], ids=["role", "delete"])
    def test_of_two_who_go_at_once_one_stays(
        self, echo_api: CommandLine, stored: Stored, monkeypatch: pytest.MonkeyPatch, command: tuple[str, str]
    ) -> None:
        """The other goes between this command's look and its deed."""
        new_user(echo_api)
        new_user(echo_api, "bob@example.com", role="ADMIN")
        look = AccountDirectory.roles if command[0] == "set-role" else AccountDirectory.is_last_administrator

        def look_and_lose(self: AccountDirectory, *arguments: Any) -> Any:
            found = look(self, *arguments)
            stored.users.update_one({"email": "bob@example.com"}, {"$set": {"role": "USER"}})
            return found

        monkeypatch.setattr(AccountDirectory, look.__name__, look_and_lose)
        name, option = command
        assert "last administrator" in echo_api.refused("user", name, EMAIL, option)
        assert [each["email"] for each in stored.users.find({"role": "ADMIN"})] == [EMAIL]

    def test_librechats_own_roles_are_known(self, echo_api: CommandLine, stored: Stored) -> None:
        new_user(echo_api)
        new_user(echo_api, "bob@example.com")
        stored.roles.insert_one({"name": "EDITOR", "permissions": {}})
        assert echo_api.json("user", "set-role", "bob@example.com", "EDITOR")["role"] == "EDITOR"
        said = echo_api.refused("user", "set-role", "bob@example.com", "editor")
        assert "there are ADMIN, EDITOR, USER" in said


class TestDelete:
    def test_asks_first(self, echo_api: CommandLine, stored: Stored) -> None:
        new_user(echo_api)
        assert "--yes" in echo_api.refused("user", "delete", EMAIL, "--force", code=2)
        assert stored.users.count_documents({}) == 1

    def test_the_last_administrator_stays(self, echo_api: CommandLine) -> None:
        new_user(echo_api)
        assert "last administrator" in echo_api.refused("user", "delete", EMAIL, "--yes")
        echo_api.run("user", "delete", EMAIL, "--yes", "--force")

    def test_says_what_went(self, echo_api: CommandLine, stored: Stored) -> None:
        new_user(echo_api)
        owner = new_user(echo_api, "bob@example.com")["id"]
        stored.messages.insert_many([{"user": owner, "messageId": str(n)} for n in range(3)])
        stored.files.insert_one({"user": ObjectId(owner), "file_id": "f", "source": "s3"})
        result = echo_api.run("user", "delete", "bob@example.com", "--yes", "--json")
        done = json.loads(result.stdout)
        assert done["documents"] == {"files": 1, "messages": 3, "users": 1}
        assert done["filesElsewhere"] == 1
        assert "1 files are with a service" in result.stderr
        assert "no user" in echo_api.refused("user", "delete", "bob@example.com", "--yes")
        assert stored.users.count_documents({}) == 1
        assert stored.logs.count_documents({}) == 0

    def test_the_table_has_a_line_for_each_collection(self, echo_api: CommandLine) -> None:
        new_user(echo_api)
        table = echo_api.run("user", "delete", EMAIL, "--yes", "--force").stdout
        assert "users" in table
        assert "files on disk" in table


class TestExitCodes:
    @pytest.mark.parametrize("command", [("user", "list"), ("invite", "list"), ("stats",)])
    def test_a_database_that_does_not_answer(self, echo_api: CommandLine, command: tuple[str, ...]) -> None:
        uri = "mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=200"
        away = CommandLine({**echo_api.environ, "MONGO_URI": uri})
        assert "does not answer" in away.refused(*command, code=69)

    def test_a_bad_setting(self, echo_api: CommandLine) -> None:
        bad = CommandLine({**echo_api.environ, "BAN_DURATION": "soon"})
        assert "BAN_DURATION" in bad.refused("user", "list", code=78)

    @pytest.mark.parametrize(
        "command", [("user", "fly"), ("user", "show"), ("user", "list", "--limit", "-1")]
    )
    def test_a_wrong_call(self, echo_api: CommandLine, command: tuple[str, ...]) -> None:
        echo_api.refused(*command, code=2)
