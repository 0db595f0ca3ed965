"""What every operation here does around its own: who may ask, how many at once, of which model, with which words."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from echo.accounts.metering import Meter, Spending
from echo.accounts.standing import Refusal, Standing, unless
from echo.completions.answering import WHOLE_SECONDS
from echo.completions.models import Models, Reach
from echo.completions.under_way import OpenCompletions
from echo.credits import Purchase
from echo.errors import BadGateway, NotFound, Unprocessable
from echo.handling.caller import Caller
from echo.programs.offers import Offers, Picked
from echo.providers.moderation import Moderation

T = TypeVar("T")


@dataclass(frozen=True)
class Job:
    """One request of one caller's: the model as it was named, and the texts that a model would get.

    Where no endpoint has the model it is the one of `otherwise`, if there is such; a `fixed` one is not looked for.
    `unreadable` are tokens that a model would get beside the texts, which nobody can check. `spending` counts for the
    API key's limits and the user's credits, but for what `is_free`.
    """

    caller: Caller
    reach: Reach
    spending: Spending
    model: str
    texts: Sequence[str] = ()
    unreadable: int = 0
    otherwise: Picked | None = None
    fixed: Picked | None = None
    is_free: bool = False


class Work:
    """Runs jobs on the event loop; what an account has under way is counted together with its completions."""

    def __init__(
        self,
        models: Models,
        offers: Offers,
        standing: Standing,
        under_way: OpenCompletions,
        *,
        moderation: Moderation,
        meter: Meter,
    ) -> None:
        self._models = models
        self._standing = standing
        self._open = under_way
        self._moderation = moderation
        self._meter = meter
        self.offers = offers

    def reach_of(self, caller: Caller) -> Reach:
        """What the caller reaches; asks the database."""
        return self._models.reach_of(caller)

    def may_ask(self, caller: Caller, endpoint: str, model: str) -> bool:
        """Whether a model is open to the caller; whether there is one is not asked."""
        return self._models.may_ask(caller, endpoint, model)

    def job(self, caller: Caller, model: str, texts: Sequence[str] = (), *, unreadable: int = 0) -> Job:
        """A request to be run; asks the database what the caller reaches."""
        return Job(caller, self.reach_of(caller), self._meter.begin(caller), model, texts, unreadable)

    def spending(self, caller: Caller) -> Spending:
        """Counts one request for the limits of the caller's API key."""
        return self._meter.begin(caller)

    async def whole(self, job: Job, do: Callable[[Picked], Coroutine[Any, Any, T]]) -> T:
        """What `do` makes with the model; it ends as soon as the caller may not be here any more.

        Raises as `begun` does, and `BadGateway` after ten minutes.
        """
        try:
            async with asyncio.timeout(WHOLE_SECONDS), self.begun(job) as (picked, refusal):
                return await unless(refusal, do(picked))
        except TimeoutError as error:
            raise BadGateway from error

    @asynccontextmanager
    async def begun(self, job: Job) -> AsyncIterator[tuple[Picked, Refusal]]:
        """The model, and why the caller must go, should that be.

        Raises `TooManyRequests`, `NotFound` for the model, what the moderation service's check raises, and what
        `Spending.reserved` does.
        """
        with self._open.one(job.caller.id):
            picked = await self._choose(job)
            await self._check(job)
            # What is no chat has a price only where one is known.
            purchase = Purchase(picked.settings.name, picked.wanted.model, unknown=0.0)
            async with (
                job.spending.reserved(
                    job.texts, beside=job.unreadable, purchase=None if job.is_free else purchase
                ),
                self._standing.watched(job.caller) as refusal,
            ):
                yield picked, refusal
                job.spending.worked()

    async def _choose(self, job: Job) -> Picked:
        if job.fixed is not None:
            return job.fixed
        try:
            return await self.offers.choose(job.reach, job.model)
        except NotFound:
            if job.otherwise is None:
                raise
            return job.otherwise

    async def _check(self, job: Job) -> None:
        if job.unreadable and self._moderation.enabled:
            raise Unprocessable(
                "This server checks what models get, and cannot check tokens; send texts.",
                code="unsupported_content",
            )
        # One text, however many there are: the service takes but so many.
        await self._moderation.check("\n\n".join(job.texts))
