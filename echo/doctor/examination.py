"""The list of checks, and going through it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from echo.doctor.clouds import check_clouds
from echo.doctor.configuration import check_keys, check_provider_keys, check_settings, read_all
from echo.doctor.databases import check_database, check_second_factors
from echo.doctor.directories import check_data_dir, check_librechat_dir
from echo.doctor.findings import Examined, Finding, failed
from echo.doctor.mail import check_mail
from echo.doctor.mcp import check_mcp
from echo.doctor.providers import check_providers
from echo.doctor.sign_in import check_directory, check_openid
from echo.doctor.speech import check_speech
from echo.doctor.web_client import check_web_client
from echo.trust import believe

Check = Callable[[Examined], Iterable[Finding]]

# In the order in which they are made and shown. A check of something else is a function like these, and goes here.
CHECKS: tuple[Check, ...] = (
    check_settings,
    check_keys,
    check_provider_keys,
    check_data_dir,
    check_librechat_dir,
    check_clouds,
    check_web_client,
    check_database,
    check_second_factors,
    check_providers,
    check_speech,
    check_mcp,
    check_mail,
    check_openid,
    check_directory,
)


def begin(
    environ: Mapping[str, str],
    env_file: Path | None,
    config_file: Path | None = None,
    *,
    offline: bool = False,
) -> Examined:
    """Read the settings of an environment as far as that goes; never raises for what is wrong with them."""
    settings, unusable = read_all(environ, env_file, config_file)
    if settings is not None:
        believe(settings.extra_authorities)
    return Examined(settings, unusable, env_file, offline)


def examine(examined: Examined) -> Iterator[Finding]:
    """What every check finds, one after the other, as it is found. A check that breaks is a finding, too."""
    for check in CHECKS:
        try:
            yield from check(examined)
        except Exception as error:
            # The others shall still be made.
            about = check.__name__.removeprefix("check_").replace("_", " ")
            yield failed(about, f"could not be checked ({type(error).__name__})", "Please report this.")
