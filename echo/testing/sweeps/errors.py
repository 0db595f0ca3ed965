"""Refusals are those that the document declares: of nobody, of what is not there, of what is no body."""

from collections.abc import Iterator
from dataclasses import dataclass

from echo.testing.bodies import is_id
from echo.testing.likeness import another
from echo.testing.operations import Operation
from echo.testing.references import Json
from echo.testing.sweeps.building import JSON
from echo.testing.sweeps.exchanges import Exchange, Request
from echo.testing.sweeps.findings import Finding, Kind, Result
from echo.testing.sweeps.session import BOB
from echo.testing.sweeps.world import World

NAME = "errors"
OPEN = Kind("open-to-anyone", "A secured operation serves who has no token", "critical")
FAULT = Kind("server-fault", "The server fails at a wrong request", "high")
ACCEPTED = Kind("wrong-request-accepted", "A request that is wrong is accepted", "medium")
OTHER_STATUS = Kind(
    "other-status", "A refusal has another status than the declared one", "low", stricter=True
)
UNDECLARED = Kind(
    "undeclared-refusal", "A refusal is none that the document declares", "medium", stricter=True
)
# What a server may look at before the body: who it is, and whether the object is there.
FIRST = (403, 404)
# More than any JSON body should have.
LARGE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Trial:
    """A wrong request, by whom, and the status that is declared for it."""

    what: str
    user: str | None
    request: Request
    status: int
    # Others that are as good: which of several faults is told of is the server's choice.
    also: tuple[int, ...] = ()


def sweep(world: World, result: Result) -> None:
    """Each operation, as nobody and in the wrong ways that its document knows. Raises `TimeIsUp`."""
    large = True
    for operation in world.each():
        extra = too_large(world, operation) if large else []
        large = large and not extra
        for trial in (*trials(world, operation), *extra):
            result.tried += 1
            exchange = world.session.send(trial.user, trial.request)
            result.found.extend(judged(world, operation, trial, exchange))


def trials(world: World, operation: Operation) -> Iterator[Trial]:
    """The wrong requests to an operation whose refusals are declared."""
    declared = {str(status) for status in operation.raw["responses"]}
    known = Known(declared)
    request = world.builders[BOB].request(operation, {})
    if world.session.operations.is_secured(operation) and known.has(401):
        yield Trial("without a token", None, request, 401)
    names = [each["name"] for each in world.session.operations.parameters(operation, "path")]
    ids = [name for name in names if is_id(name)]
    if ids and known.has(404):
        values = {name: another(world.builders[BOB].known.get(name, "a" * 24)) for name in ids}
        yield Trial(
            "of what is not there", BOB, world.builders[BOB].request(operation, values), 404, (400, 403)
        )
    if JSON not in world.session.operations.body_of(operation):
        return
    if known.has(415):
        plain = {**request.headers, "Content-Type": "text/plain"}
        yield Trial("with a text for a body", BOB, request.changed(headers=plain), 415, FIRST)
    if known.has(400):
        yield Trial("with a body that is no JSON", BOB, request.changed(body=b'{"'), 400, FIRST)


@dataclass(frozen=True)
class Known:
    """The statuses that an operation declares."""

    names: set[str]

    def has(self, status: int) -> bool:
        """Whether one is declared, by itself or by its class."""
        return bool({str(status), f"{status // 100}XX", "default"} & self.names)


def too_large(world: World, operation: Operation) -> list[Trial]:
    """A body that is too large for anybody; one operation must do, as it is sent whole."""
    known = Known({str(status) for status in operation.raw["responses"]})
    if "413" not in known.names or not takes_json(world.session.operations.body_of(operation)):
        return []
    request = world.builders[BOB].request(operation, {})
    body = b'{"x": "' + b"x" * LARGE_BYTES + b'"}'
    return [Trial("with a body of 16 MiB", BOB, request.changed(body=body), 413, FIRST)]


def takes_json(content: Json) -> bool:
    """Whether JSON is all that an operation takes: forms may be larger."""
    return set(content) == {JSON}


def judged(world: World, operation: Operation, trial: Trial, exchange: Exchange) -> Iterator[Finding]:
    """What is wrong with a refusal; of several things the worst."""
    answer, session = exchange.answer, world.session
    if not answer.status:
        # Who refuses a body may close the connection before all of it is sent.
        return
    detail = f"A request {trial.what} is answered with {answer.shown}"
    departures = session.departures_of(operation, answer)
    if answer.status >= 500 and answer.status not in (501, 503):
        kind = FAULT
    elif answer.status < 400 and trial.status in (400, 401, 413, 415):
        kind = OPEN if trial.status == 401 else ACCEPTED
    elif departures:
        kind, detail = UNDECLARED, f"{detail}\n" + "; ".join(departures)
    elif answer.status >= 400 and answer.status not in (trial.status, *trial.also):
        kind = OTHER_STATUS
        detail = f"{detail}\nDeclared is {trial.status}"
    else:
        return
    yield Finding(NAME, kind, operation.label, detail, (exchange,))
