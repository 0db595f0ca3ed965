"""Metrics and traces of one process, put together for the composition root; off unless the settings ask for them."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp

from echo.observation import metrics, tracing
from echo.observation.meter import RequestMeter
from echo.settings import Settings
from storage.core.commands import Command, Ended, Watcher

if TYPE_CHECKING:
    from echo.observation.metrics.instruments import Instruments


@dataclass(frozen=True)
class Observation:
    """A meter for requests, watchers for the database, what goes around the application, what runs beside it."""

    meter: RequestMeter | None = None
    watchers: tuple[Watcher, ...] = ()
    around: Callable[[ASGIApp], ASGIApp] = lambda app: app
    running: Callable[[], Coroutine[Any, Any, None]] | None = None
    close: Callable[[], None] = lambda: None


def observe(settings: Settings) -> Observation:
    """What these settings ask for; nothing is counted and nothing imported for what they do not."""
    instruments = metrics.switch_on() if settings.metrics_secret else None
    traces = tracing.switch_on(settings.tracing)
    watchers: list[Watcher] = []
    if instruments:
        watchers.append(CommandMeter(instruments))
    if traces:
        watchers.append(traces.watch_command)
    return Observation(
        meter=RequestMeter(instruments) if instruments else None,
        watchers=tuple(watchers),
        around=traces.around if traces else lambda app: app,
        running=instruments.sample_forever if instruments else None,
        close=traces.close if traces else lambda: None,
    )


class CommandMeter:
    """Counts and times MongoDB's commands; what there is to count of a command is looked up once."""

    def __init__(self, instruments: "Instruments") -> None:
        self._commands = instruments.commands
        self._ended: dict[Command, Ended] = {}

    def __call__(self, command: Command) -> Ended:
        """See `storage.core.commands.Watcher`."""
        ended = self._ended.get(command)
        if ended is None:
            succeeded = self._commands.batched(*command, metrics.OK).observe
            failed = self._commands.batched(*command, metrics.FAILED).observe

            def ended(seconds: float, error: str | None) -> None:
                (failed if error else succeeded)(seconds)

            self._ended[command] = ended
        return ended
