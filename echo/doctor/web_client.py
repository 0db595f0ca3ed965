"""The web client: the one to be served is there, and was built."""

from collections.abc import Iterator

from echo.doctor.findings import Examined, Finding, failed, ok, skipped
from echo.settings import SettingsError
from echo.webclient.installed import OFF, find_client

ABOUT = "web client"


def check_web_client(examined: Examined) -> Iterator[Finding]:
    """Whether `serve` would find the client that it is to serve."""
    settings = examined.settings
    if settings is None:
        yield skipped(ABOUT, "see the settings above")
        return
    try:
        directory = find_client(settings)
    except SettingsError as error:
        yield failed(ABOUT, str(error), "docs/web-client.md says how to get one.")
        return
    if directory:
        yield ok(ABOUT, f"{directory} holds a built one")
    elif settings.web_client == OFF:
        yield ok(ABOUT, "is switched off")
    else:
        yield ok(ABOUT, "none is installed, so only the API is served")
