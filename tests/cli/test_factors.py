"""`echo-api user disable-2fa`, and what `user show` says of a second factor."""

import json

import pytest

from tests.cli.conftest import CommandLine
from tests.cli.test_users import EMAIL, Stored, log_in, new_user
from tests.conftest import Client
from tests.support.two_factor import BACKUP_CODES, SECRET, give_second_factor, librechats_fields


@pytest.fixture
def guarded(echo_api: CommandLine, stored: Stored) -> str:
    """A user with a second factor."""
    owner = str(new_user(echo_api)["id"])
    give_second_factor(stored.users, owner)
    return owner


class TestDisable2fa:
    def test_the_password_alone_opens_again_and_sessions_go_on(
        self, echo_api: CommandLine, api: Client, stored: Stored
    ) -> None:
        owner = new_user(echo_api)["id"]
        session = api.with_token(log_in(api).json()["token"])
        give_second_factor(stored.users, owner)
        assert log_in(api).json()["twoFAPending"] is True
        done = echo_api.json("user", "disable-2fa", EMAIL, "--yes")
        assert done == {"id": owner, "email": EMAIL, "twoFactorEnabled": False}
        assert "token" in log_in(api).json()
        assert session.get("/api/user").json()["twoFactorEnabled"] is False

    def test_nothing_is_left_of_it_and_all_else_stays(
        self, echo_api: CommandLine, stored: Stored, guarded: str
    ) -> None:
        waiting = {"pendingTotpSecret": "v3:00:00", "pendingBackupCodes": [{"codeHash": "0"}]}
        give_second_factor(stored.users, guarded, **waiting)
        before = stored.users.find_one({})
        echo_api.run("user", "disable-2fa", EMAIL, "--yes")
        after = stored.users.find_one({})
        assert before is not None
        assert after is not None
        off = {"twoFactorEnabled": False, "totpSecret": None, "backupCodes": []}
        gone = {"pendingTotpSecret": None, "pendingBackupCodes": []}
        assert after == {**before, **off, **gone, "updatedAt": after["updatedAt"]}

    def test_who_has_none_is_one_sentence(self, echo_api: CommandLine) -> None:
        new_user(echo_api)
        assert "has no two-factor" in echo_api.refused("user", "disable-2fa", EMAIL, "--yes")
        assert "no user" in echo_api.refused("user", "disable-2fa", "nobody", "--yes")

    def test_without_a_terminal_it_asks_for_yes(
        self, echo_api: CommandLine, stored: Stored, guarded: str
    ) -> None:
        assert "--yes" in echo_api.refused("user", "disable-2fa", EMAIL, code=2)
        assert stored.users.count_documents({"twoFactorEnabled": True}) == 1


class TestShow:
    def test_says_whether_it_is_on_and_nothing_of_it(self, echo_api: CommandLine, guarded: str) -> None:
        bob = "bob@example.com"
        new_user(echo_api, bob)
        shown = echo_api.json("user", "show", EMAIL)
        assert shown["twoFactorEnabled"] is True
        assert echo_api.json("user", "show", bob)["twoFactorEnabled"] is False
        fields = librechats_fields()
        hashes = [each["codeHash"] for each in fields["backupCodes"]]
        for secret in (SECRET, fields["totpSecret"], *BACKUP_CODES, *hashes):
            assert secret not in json.dumps([shown, echo_api.json("user", "list")])
