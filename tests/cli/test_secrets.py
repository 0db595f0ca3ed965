"""`echo-api secrets`: makes what is missing, and leaves what there is."""

import json
import os
import re
import stat
from pathlib import Path

import pytest

from echo.settings import load_settings
from echo.settings.env_file import parse_env, read_env_file
from echo.settings.env_writing import CannotAdd, add_to_env_file
from tests.cli.conftest import ROOT, Run
from tests.support.threads import together

FOUR = ["JWT_SECRET", "JWT_REFRESH_SECRET", "CREDS_KEY", "CREDS_IV"]
SIX = [*FOUR, "MONGO_ROOT_PASSWORD", "ECHO_DB_PASSWORD"]
MONGO = {"MONGO_URI": "mongodb://localhost"}


class TestPrints:
    def test_the_four_that_echo_needs_each_another_time_anew(self, run: Run) -> None:
        first, second = parse_env(run("secrets").stdout), parse_env(run("secrets").stdout)
        assert list(first) == list(second) == FOUR
        assert len({*first.values(), *second.values()}) == 8

    def test_what_the_server_takes(self, run: Run) -> None:
        made = parse_env(run("secrets").stdout)
        settings = load_settings({**MONGO, **made})
        assert [settings.jwt_secret, settings.creds_iv] == [made["JWT_SECRET"], made["CREDS_IV"]]

    def test_for_compose_also_two_passwords_that_may_stand_in_an_address(self, run: Run) -> None:
        made = parse_env(run("secrets", "--compose").stdout)
        assert list(made) == SIX
        assert all(re.fullmatch("[0-9a-f]{64}", made[name]) for name in SIX[4:])

    def test_nothing_that_environment_or_env_file_set(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("JWT_SECRET=of the file\nCREDS_KEY=\nCREDS_IV=\n")
        printed = parse_env(run("secrets", JWT_REFRESH_SECRET="of the environment").stdout)
        assert list(printed) == ["CREDS_KEY", "CREDS_IV"]
        assert (tmp_path / ".env").read_text() == "JWT_SECRET=of the file\nCREDS_KEY=\nCREDS_IV=\n"

    def test_the_keys_that_echo_made_for_itself(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        kept = {name.lower(): f"kept {name}" for name in FOUR}
        (tmp_path / "data" / "secrets.json").write_text(json.dumps(kept))
        assert parse_env(run("secrets").stdout) == {name: f"kept {name}" for name in FOUR}
        assert "kept" not in run("secrets", "--compose").stdout

    def test_no_half_of_a_pair(self, run: Run) -> None:
        result = run("secrets", CREDS_KEY="ab" * 32)
        assert result.exit_code == 78
        assert "CREDS_KEY is set and CREDS_IV is not" in result.stderr
        assert result.stdout == ""
        assert "CREDS_IV is set and CREDS_KEY is not" in run("secrets", CREDS_IV="ab" * 16).stderr


class TestAdds:
    def test_to_a_new_file_that_only_its_owner_reads(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        result = run("secrets", "--add-to", str(file), "--compose")
        assert result.exit_code == 0, result.output
        assert result.stdout == f"Added to {file}: {', '.join(SIX)}\n"
        assert list(read_env_file(file)) == SIX
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert os.listdir(tmp_path) == [".env"]

    @pytest.mark.parametrize("end", ["\n", "", "\r\n"])
    def test_what_is_missing_and_changes_nothing_else(self, run: Run, tmp_path: Path, end: str) -> None:
        file = tmp_path / "env"
        before = (
            f"# Ours\r\nAPP_TITLE=A # B\nJWT_SECRET=kept\nexport CREDS_KEY='mine'\nCREDS_IV: \"mine\"{end}"
        )
        file.write_bytes(before.encode())
        file.chmod(0o644)
        result = run("secrets", "--add-to", str(file))
        assert result.stdout == f"Added to {file}: JWT_REFRESH_SECRET\n"
        after = file.read_bytes().decode()
        assert re.fullmatch(re.escape(before) + r"\n?JWT_REFRESH_SECRET=\S{64}\n", after)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    def test_nothing_the_second_time(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        run("secrets", "--add-to", str(file), "--compose")
        before = file.read_bytes()
        assert run("secrets", "--add-to", str(file), "--compose").stdout == "No secret is missing.\n"
        assert file.read_bytes() == before

    def test_to_the_project_s_own_example(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text((ROOT / ".env.example").read_text())
        run("secrets", "--add-to", str(file))
        values = read_env_file(file)
        assert all(values[name] for name in FOUR)
        assert load_settings({**values, **MONGO}).creds_key == values["CREDS_KEY"]

    def test_to_what_a_link_leads_to(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "shared").mkdir()
        (tmp_path / ".env").symlink_to(tmp_path / "shared" / "env")
        run("secrets", "--add-to", str(tmp_path / ".env"))
        assert (tmp_path / ".env").is_symlink()
        assert list(read_env_file(tmp_path / "shared" / "env")) == FOUR

    def test_once_when_several_do_at_once(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        added = together(lambda number: add_to_env_file(file, {"JWT_SECRET": f"of {number}"}))
        [winner] = [number for number, names in enumerate(added) if names]
        assert file.read_text() == f"JWT_SECRET=of {winner}\n"

    def test_nothing_to_a_file_that_is_no_text(self, run: Run, tmp_path: Path) -> None:
        file = tmp_path / "env"
        file.write_bytes(b"APP_TITLE=\xff\n")
        result = run("secrets", "--add-to", str(file))
        assert (result.exit_code, result.stdout) == (78, "")
        assert "not UTF-8" in result.stderr
        assert file.read_bytes() == b"APP_TITLE=\xff\n"

    def test_nothing_that_would_be_read_as_a_part_of_something_else(self, tmp_path: Path) -> None:
        file = tmp_path / "env"
        file.write_text("APP_TITLE='A\n")
        with pytest.raises(CannotAdd, match="not closed"):
            add_to_env_file(file, {"JWT_SECRET": "secret'"})
        assert file.read_text() == "APP_TITLE='A\n"

    def test_nothing_where_it_cannot_write(self, run: Run, tmp_path: Path) -> None:
        assert run("secrets", "--add-to", str(tmp_path / "nowhere" / ".env")).exit_code == 74


@pytest.mark.parametrize(
    "environ",
    [
        MONGO,
        {**MONGO, "JWT_SECRET": "short"},
        {**MONGO, "JWT_SECRET": "0" * 64},
        {"CREDS_KEY": "no hex", "CREDS_IV": "no hex"},
        {"CREDS_KEY": "ab" * 32},
    ],
    ids=["missing", "short", "guessable", "no hex", "half"],
)
def test_whatever_is_wrong_with_a_secret_the_command_is_named(run: Run, environ: dict[str, str]) -> None:
    refused = run("serve", **environ)
    assert refused.exit_code == 78
    assert "`echo-api secrets`" in refused.stderr


def test_compose_file_and_documents_name_the_command() -> None:
    texts = [ROOT / "compose.yaml", ROOT / ".env.example", ROOT / "docs" / "operations.md"]
    for path in texts:
        text = path.read_text(encoding="utf-8")
        assert "echo-api secrets" in text, path
        assert "openssl rand" not in text, path
