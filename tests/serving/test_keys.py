import dataclasses
import json
import stat
from pathlib import Path

from echo.accounts.credentials_cipher import CredentialsCipher
from echo.serving.keys import with_secrets
from echo.settings import Settings, load_settings
from tests.support.threads import started_pool


def settings_in(directory: Path) -> Settings:
    return load_settings({"ECHO_DATA_DIR": str(directory)})


class TestKeys:
    def test_are_made_once_and_kept_private(self, tmp_path: Path) -> None:
        settings = settings_in(tmp_path / "new")
        first, second = with_secrets(settings), with_secrets(settings)
        assert first.jwt_secret
        assert first.jwt_secret == second.jwt_secret
        assert first.jwt_refresh_secret not in (None, first.jwt_secret)
        assert (first.creds_key, first.creds_iv) == (second.creds_key, second.creds_iv)
        assert CredentialsCipher(str(first.creds_key), str(first.creds_iv)).encrypt("x")
        mode = (tmp_path / "new" / "secrets.json").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600

    def test_are_the_same_for_all_who_start_at_once(self, tmp_path: Path) -> None:
        with started_pool(8) as pool:
            made = list(pool.map(with_secrets, [settings_in(tmp_path)] * 8))
        assert len({each.jwt_secret for each in made}) == 1

    def test_that_are_configured_stay(self, tmp_path: Path) -> None:
        configured = dict.fromkeys(("jwt_secret", "jwt_refresh_secret", "creds_key", "creds_iv"), "a")
        settings = dataclasses.replace(settings_in(tmp_path), **configured)
        assert with_secrets(settings) == settings
        assert list(tmp_path.iterdir()) == []

    def test_of_an_earlier_version_are_kept_and_completed(self, tmp_path: Path) -> None:
        (tmp_path / "secrets.json").write_text(json.dumps({"jwt_secret": "a", "jwt_refresh_secret": "b"}))
        completed = with_secrets(settings_in(tmp_path))
        assert (completed.jwt_secret, completed.jwt_refresh_secret) == ("a", "b")
        assert with_secrets(settings_in(tmp_path)) == completed
        assert completed.creds_key is not None
