"""Settings, and the keys that sign and encrypt."""

import json
import secrets
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from echo.doctor.findings import Examined, Finding, failed, ok, skipped, warning
from echo.serving.keys import FILE_NAME
from echo.settings import ConfigFileError, Settings, SettingsError, load_settings
from echo.settings.env_file import read_env_file
from echo.settings.librechat import LIBRECHAT_VARIABLES, named_variables
from echo.settings.secrets import CREDENTIALS

KEYS = ("JWT_SECRET", "JWT_REFRESH_SECRET")
# Each variable is read with what it is set to, then as if it were not set, then with a stand-in.
MAX_ATTEMPTS = 200


def read_all(
    environ: Mapping[str, str], env_file: Path | None, config_file: Path | None = None
) -> tuple[Settings | None, dict[str, str]]:
    """The settings without what cannot be used, and by variable (or file) what is wrong with that.

    Reading stops at the first problem, so it is repeated without the variable that the problem names. The faults of
    a `librechat.yaml` come all at once; it is then left out as a whole.
    """
    unusable: dict[str, str] = {}
    used: frozenset[str] = frozenset()
    stand_ins: dict[str, list[str]] = {}
    changed = dict(environ)
    for _ in range(MAX_ATTEMPTS):
        try:
            return load_settings(changed, env_file=env_file, config_file=config_file, used=used), unusable
        except ConfigFileError as error:
            unusable |= {fault: fault for fault in error.faults}
            used |= _used_by(changed, env_file, config_file)
            changed["CONFIG_PATH"], config_file = "", None
        except SettingsError as error:
            name = str(error).partition(" ")[0]
            if name == "CONFIG_PATH":
                used |= LIBRECHAT_VARIABLES
            unusable.setdefault(name, str(error))
            left = stand_ins.setdefault(name, ["", secrets.token_hex(32)])
            if not left:
                break
            changed[name] = left.pop(0)
        except (OSError, UnicodeError) as error:
            unusable[str(env_file)] = f"{env_file} cannot be read ({type(error).__name__})."
            env_file = None
    return None, unusable


def _used_by(environ: Mapping[str, str], env_file: Path | None, config_file: Path | None) -> frozenset[str]:
    """What a broken `librechat.yaml` would use; every variable of LibreChat's where that cannot be known."""
    path = environ.get("CONFIG_PATH") or (read_env_file(env_file) if env_file else {}).get("CONFIG_PATH")
    named = named_variables(Path(path).expanduser() if path else config_file or Path())
    return LIBRECHAT_VARIABLES if named is None else named


def check_settings(examined: Examined) -> Iterator[Finding]:
    """Every variable that cannot be used, and switches that no public server should have."""
    source = f"the environment and {examined.env_file.name}" if examined.env_file else "the environment"
    for problem in examined.unusable.values():
        yield failed("settings", problem, "docs/settings.md and docs/librechat-yaml.md say what may be set.")
    if not examined.unusable:
        yield ok("settings", f"all that {source} sets can be used")
    settings = examined.settings
    if settings is None:
        return
    for each in settings.missing_safeguards:
        yield warning("security", f"{each.name} has no effect: {each.what}", each.todo)
    for notice in settings.notices:
        yield warning("settings", notice, "")
    if not settings.rate_limits_enabled:
        yield warning(
            "settings",
            "ECHO_RATE_LIMITS is off: passwords can be guessed without limit",
            "Take it out, unless this is a test.",
        )
    if settings.secure_cookies is False:
        yield warning(
            "settings",
            "SESSION_COOKIE_SECURE is false: sessions can be overheard",
            "Serve over TLS and take it out, unless this is a network of your own.",
        )


def check_keys(examined: Examined) -> Iterator[Finding]:
    """Whether there are signing keys, and that nobody else can read the ones that Echo made."""
    settings = examined.settings
    if settings is None or any(name in examined.unusable for name in KEYS):
        yield skipped("signing keys", "see the settings above")
    elif settings.jwt_secret and settings.jwt_refresh_secret:
        yield ok("signing keys", "JWT_SECRET and JWT_REFRESH_SECRET are set, long enough and not well known")
    else:
        yield _check_made_keys(settings.data_dir / FILE_NAME)


def check_provider_keys(examined: Examined) -> Iterator[Finding]:
    """Whether users can keep provider keys of their own."""
    settings, about = examined.settings, "provider keys of users"
    if settings is None or any(name in examined.unusable for name in CREDENTIALS):
        yield skipped(about, "see the settings above")
    elif settings.creds_key:
        yield ok(about, "CREDS_KEY and CREDS_IV are set and not well known")
    elif settings.mongo_uri is None:
        yield ok(
            about,
            f"are encrypted with keys that are made at the first start, in {settings.data_dir / FILE_NAME}",
        )
    else:
        todo = "`echo-api secrets` makes them; on LibreChat's database set its own."
        yield warning(about, "cannot be kept: CREDS_KEY and CREDS_IV are not set", todo)


def _check_made_keys(path: Path) -> Finding:
    about = "signing keys"
    try:
        kept = json.loads(path.read_bytes())
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return ok(about, f"will be made at the first start, in {path}")
    except (OSError, ValueError) as error:
        todo = "Restore it from a back-up, or remove it: then everyone must log in again."
        return failed(about, f"{path} cannot be read ({type(error).__name__})", todo)
    if not isinstance(kept, dict) or not all(kept.get(name.lower()) for name in KEYS):
        todo = "Restore it from a back-up, or remove it: then everyone must log in again."
        return failed(about, f"{path} lacks a key", todo)
    if mode & 0o077:
        return failed(about, f"others may read {path} (mode {mode:o})", f"chmod 600 {path}")
    return ok(about, f"are in {path}, which nobody else may read")
