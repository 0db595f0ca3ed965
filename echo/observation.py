"""Metrics and traces of one process, put together for the composition root: all off unless the settings ask for them."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp

from echo import metrics, tracing
from echo.http.meter import RequestMeter
from echo.settings import Settings
from storage.commands import Command, Ended, Watcher

if TYPE_CHECKING:
    from echo.metrics.instruments import Instruments


@dataclass(frozen=True)
class Observation:
    """What observes: a meter for requests, watchers for the database, what goes round the application, what runs on."""

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
    """Counts and times MongoDB's commands, with each combination of labels looked up once."""

    def __init__(self, instruments: "Instruments") -> None:
        self._commands = instruments.commands
        self._children: dict[tuple[str, str, bool], Any] = {}

    def __call__(self, command: Command) -> Ended:
        """See `storage.commands.Watcher`."""
        return partial(self._ended, command)

    def _ended(self, command: Command, seconds: float, error: str | None) -> None:
        key = (command.name, command.collection, error is None)
        child = self._children.get(key)
        if child is None:
            outcome = metrics.OK if error is None else metrics.FAILED
            child = self._children[key] = self._commands.labels(command.name, command.collection, outcome)
        child.observe(seconds)
