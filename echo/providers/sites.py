"""Several keys or deployments behind one endpoint: used in turn, and left out for a while when one does not serve.

What is known of them is this process's alone: each worker finds out for itself, by one request that goes on to the
next. It forgets when it ends. There are as many as the settings name, so what is remembered has an end too.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog

from echo.errors import ProviderLimited
from echo.providers.constants import DEFAULT_RETRY_AFTER, MAX_REMEMBERED, MAX_RETRY_AFTER
from echo.providers.failures import UNKNOWN_MODEL, ProviderFailure
from echo.settings import AzureDeployment

log = structlog.get_logger(__name__)

# How long one is left out that refuses its key, or does not have the model: somebody has to see to it.
REFUSED_SECONDS = 600.0
# And one that is out of order, or cannot be reached.
FAILED_SECONDS = 20.0
REFUSED_KEY = "provider_refused_key"


@dataclass(frozen=True)
class Access:
    """Where a request goes and with which key; `own_key` and `own_url` if they are the user's, not the operator's.

    `site` is its number among all keys or deployments of the endpoint, from 1 on, 0 for a user's own; `deployment` is
    Azure's.
    """

    api_key: str = field(repr=False)
    base_url: str
    own_key: bool = False
    own_url: bool = False
    site: int = 0
    deployment: AzureDeployment | None = None


@dataclass(frozen=True)
class Rest:
    """For how many seconds one is left out: for all models, or only for the one that was asked for."""

    seconds: float
    all_models: bool = True


def rest_after(failure: ProviderFailure) -> Rest | None:
    """What follows for the one that failed; None where the request is to blame, as it would be elsewhere."""
    if isinstance(failure.error, ProviderLimited):
        wait = DEFAULT_RETRY_AFTER if failure.retry_after is None else failure.retry_after
        return Rest(min(wait, MAX_RETRY_AFTER), all_models=False)
    if failure.error.code == REFUSED_KEY:
        return Rest(REFUSED_SECONDS)
    if failure.kind in UNKNOWN_MODEL:
        return Rest(REFUSED_SECONDS, all_models=False)
    if failure.error.status >= 500:
        return Rest(max(FAILED_SECONDS, min(failure.retry_after or 0, MAX_RETRY_AFTER)))
    return None


class Sites:
    """What one endpoint's keys and deployments were used for last, and until when some are left out."""

    def __init__(self, endpoint: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._endpoint = endpoint
        self._clock = clock
        self._uses = 0
        self._used: dict[int, int] = {}
        self._resting: dict[tuple[int, str], float] = {}

    def among(self, accesses: Sequence[Access], model: str) -> "Turn":
        """A turn for one request: begins where the longest time has passed since the last one."""
        return Turn(self, accesses, model)

    def first(self, accesses: Sequence[Access], model: str = "") -> Access:
        """Of those that are not left out the first one, for what any of them can be asked."""
        now = self._clock()
        return min(accesses, key=lambda each: self._free(each, model, now))

    def next(self, accesses: Sequence[Access], model: str) -> Access:
        """Whose turn it is: one that is not left out, or else the one that is to come back first."""
        now = self._clock()
        found = min(accesses, key=lambda each: (self._free(each, model, now), self._used.get(each.site, 0)))
        if len(accesses) > 1:
            self._uses += 1
            self._used[found.site] = self._uses
        return found

    def leave_out(self, access: Access, model: str, rest: Rest, failure: ProviderFailure) -> None:
        """Ask others in its place for a while."""
        named = (access.site, "" if rest.all_models else model)
        self._resting.pop(named, None)
        self._resting[named] = self._clock() + rest.seconds
        if len(self._resting) > MAX_REMEMBERED:
            del self._resting[next(iter(self._resting))]
        log.warning(
            "a provider's key or deployment is left out for a while",
            provider=self._endpoint,
            number=access.site,
            seconds=round(rest.seconds, 1),
            code=failure.error.code,
            kind=failure.kind,
        )

    def _free(self, access: Access, model: str, now: float) -> float:
        """When it is to be asked again; 0 for now."""
        until = max(self._resting.get((access.site, name), 0.0) for name in ("", model))
        return until if until > now else 0.0


class Turn:
    """Where one request is asked: `access` now, and another one each time that `pass_on` says so."""

    def __init__(self, sites: Sites, accesses: Sequence[Access], model: str) -> None:
        self._sites = sites
        self._all = tuple(accesses)
        self._left = list(accesses)
        self._model = model
        self._failures: list[ProviderFailure] = []
        self.access = self._take()

    def failed(self, failure: ProviderFailure) -> bool:
        """Note that the present one failed; whether that was its own fault. It is left out, if there are others."""
        rest = rest_after(failure)
        if rest and len(self._all) > 1:
            self._sites.leave_out(self.access, self._model, rest, failure)
        return rest is not None

    def pass_on(self, failure: ProviderFailure) -> bool:
        """After a failure before the first word: whether `access` is now one that this request has not tried."""
        if not self.failed(failure):
            self._failures = [failure]
            return False
        self._failures.append(failure)
        if not self._left:
            return False
        self.access = self._take()
        return True

    def begin_again(self) -> None:
        """When all have failed and some time has passed: any of them may be asked once more."""
        self._left, self._failures = list(self._all), []
        self.access = self._take()

    @property
    def failure(self) -> ProviderFailure:
        """Of the failures of all that were tried the one that ends first, as far as is known; or the last."""
        passing = [each for each in self._failures if each.transient]
        limited = [each for each in self._failures if isinstance(each.error, ProviderLimited)]
        return min(passing or limited or self._failures[-1:], key=lambda each: each.retry_after or 0)

    def _take(self) -> Access:
        found = self._sites.next(self._left, self._model)
        self._left.remove(found)
        return found
