"""Providers of models: does each that has a key answer, and take the key?"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import urlsplit

import requests

from echo import trust
from echo.doctor.findings import Examined, Finding, failed, ok, skipped, warning
from echo.settings import ProviderSettings

CONNECT_SECONDS = 3.0
READ_SECONDS = 5.0
KEY_REFUSED = (401, 403)


def check_providers(examined: Examined) -> Iterator[Finding]:
    """Ask each provider with a key for its models."""
    about = "providers"
    providers = [each for each in examined.settings.providers if each.available] if examined.settings else []
    if not providers:
        yield skipped(about, "none has a key, so none is available")
        return
    if examined.offline:
        yield skipped(about, f"not asked: {', '.join(each.name for each in providers)}")
        return
    with ThreadPoolExecutor(max_workers=8) as pool:
        yield from pool.map(check_provider, *zip(*by_key(providers), strict=True))


def by_key(providers: Iterable[ProviderSettings]) -> Iterator[tuple[ProviderSettings, str]]:
    """Each provider with each of its keys alone, and what findings call it: the key by its number."""
    for provider in providers:
        keys = provider.api_keys or (None,)
        for number, key in enumerate(keys, 1):
            which = f", key {number} of {len(keys)}" if len(keys) > 1 else ""
            yield replace(provider, api_key=key, further_keys=()), f"provider {provider.name}{which}"


def check_provider(provider: ProviderSettings, about: str | None = None) -> Finding:
    """Ask one provider for its models, with its first key."""
    about = about or f"provider {provider.name}"
    if provider.offline:
        return ok(about, "is Echo's offline model, which needs nothing and answers like no real one")
    request = models_request(provider)
    if request is None:
        return skipped(about, "has a key; there is no simple question to try it with")
    return probe(about, *request, setting="its key")


def models_request(provider: ProviderSettings) -> tuple[str, dict[str, str]] | None:
    """The address and headers of the question for a provider's models; None where we know none."""
    if not provider.base_url or provider.api_key is None:
        return None
    base = provider.base_url.rstrip("/")
    if provider.type == "anthropic":
        version = {"anthropic-version": "2023-06-01"}
        return f"{base}/v1/models", {"x-api-key": provider.api_key, **version, **provider.headers}
    if provider.type == "google":
        return f"{base}/v1beta/models", {"x-goog-api-key": provider.api_key, **provider.headers}
    if provider.type in ("openai", "custom", "assistants"):
        bearer = {"Authorization": f"Bearer {provider.api_key}"}
        return f"{base}/models", {**bearer, **provider.headers}
    return None


def probe(about: str, url: str, headers: Mapping[str, str], *, setting: str) -> Finding:
    """Ask an address, without following it elsewhere; what it says besides the status is not read."""
    host = "its address"
    try:
        host = urlsplit(url).hostname or host
        with (
            trust.session() as session,
            session.get(
                url,
                headers=dict(headers),
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            status = response.status_code
    # A header that a key makes impossible, a URL that is none: `ValueError` and its kin.
    except (requests.RequestException, ValueError) as error:
        todo = "Check the address, name server and firewall; without it every answer fails."
        return failed(about, f"{host} cannot be reached ({kind_of(error)})", todo)
    if status in KEY_REFUSED:
        return failed(about, f"{host} refuses {setting} ({status})", "Set a key that is valid, or none.")
    return _meaning(about, host, status)


def _meaning(about: str, host: str, status: int) -> Finding:
    if status < requests.codes.multiple_choices:
        return ok(about, f"{host} answers and takes the key")
    if status == requests.codes.too_many_requests:
        return warning(about, f"{host} says that its limit is reached", "Check quota and payments there.")
    if status >= requests.codes.internal_server_error:
        return warning(about, f"{host} is out of order ({status})", "Look at its status page; try later.")
    return warning(about, f"{host} answers {status}", "Check that the address is the right one.")


def kind_of(error: Exception) -> str:
    """What kept us from an answer, in our own words: a driver's may hold the address with its secrets."""
    if isinstance(error, requests.exceptions.SSLError):
        return "its TLS certificate is not accepted"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return "the address or the key is malformed"
