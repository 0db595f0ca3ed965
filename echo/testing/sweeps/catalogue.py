"""The sweeps by their names, and how they are run."""

from collections.abc import Callable, Mapping, Sequence

from echo.testing.sweeps import errors, idempotency, methods, ownership, paging, streams
from echo.testing.sweeps.findings import Result, SweepReport
from echo.testing.sweeps.session import Session, TimeIsUp
from echo.testing.sweeps.world import World

# In this order: where the time is short, what asks most comes late. Broken requests may do harm at a server that
# takes them, and what deletes comes last.
SWEEPS: Mapping[str, Callable[[World, Result], None]] = {
    ownership.NAME: ownership.sweep,
    streams.NAME: streams.sweep,
    paging.NAME: paging.sweep,
    methods.NAME: methods.sweep,
    errors.NAME: errors.sweep,
    idempotency.NAME: idempotency.sweep,
}
# By them a user is logged out or gone, or what the others look at is.
NOT_TRIED = frozenset(
    {
        "logout",
        "delete_account",
        "delete_own_account",
        "delete_all_conversations",
        "end_session",
        "end_sessions",
    }
)


def run_sweeps(
    session: Session, names: Sequence[str], only: Sequence[str] = (), without: Sequence[str] = ()
) -> SweepReport:
    """Run some of them on the operations in `only`, all if none are named, but for those in `without`."""
    world = World(session, (*without, *NOT_TRIED), only)
    results = [Result(name) for name in SWEEPS if name in names]
    try:
        world.furnish()
    except TimeIsUp:
        return SweepReport(tuple(unfinished(each) for each in results))
    for result in results:
        try:
            SWEEPS[result.sweep](world, result)
        except TimeIsUp:
            result.unfinished = True
        keep(result, session)
        if result.sweep == ownership.NAME:
            result.untried.extend(world.unmade)
    return SweepReport(tuple(results))


def unfinished(result: Result) -> Result:
    """A result of nothing."""
    result.unfinished = True
    return result


def keep(result: Result, session: Session) -> None:
    """Leave only findings of kinds that the server is held to, and the others apart."""
    if not session.strict:
        result.not_held = [each for each in result.found if each.kind.stricter]
        result.found = [each for each in result.found if not each.kind.stricter]
