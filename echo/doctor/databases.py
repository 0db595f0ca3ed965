"""The database: does it answer, let us in, keep its promises, and have its indexes?"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from echo.doctor.findings import Examined, Finding, failed, ok, skipped, warning
from echo.settings.secrets import CREDENTIALS
from storage.core.database import Database
from storage.core.errors import AccessDenied, StorageError, Unavailable
from storage.embedded import EmbeddedServer, EmbeddedUnavailable
from storage.operator.inspection import (
    Deployment,
    WriteRefused,
    check_writes,
    count_second_factors,
    hosts_of,
    inspect,
)
from storage.operator.migration import plan_indexes

ABOUT = "database"
TIMEOUT_MS = 5000
# MongoDB 6.0 has had no corrections since July 2025.
OLDEST_MAINTAINED = 7
# Sessions and rate limits compare the two clocks.
CLOCK_SECONDS = 30
MOST_COUNTED = 1000
REASONS = (
    ("refused", "nothing listens there"),
    ("timed out", "it does not answer in time"),
    ("certificate", "its TLS certificate is not accepted"),
    ("SSL", "TLS cannot be agreed on"),
    ("Name or service", "the name is not known"),
    ("name resolution", "the name cannot be looked up"),
    ("No address", "the name is not known"),
    ("No primary", "the replica set has no primary"),
    ("No such file", "there is no such socket"),
    ("DNS", "the name is not known"),
)


def check_database(examined: Examined) -> Iterator[Finding]:
    """Everything about the database that `MONGO_URI` names, or about the embedded one."""
    settings = examined.settings
    if settings is None or "MONGO_URI" in examined.unusable:
        yield skipped(ABOUT, "see the settings above")
    elif settings.mongo_uri:
        yield from check_deployment(settings.mongo_uri, embedded=False)
    else:
        yield from check_embedded(settings.data_dir / "mongodb")


def check_second_factors(examined: Examined) -> Iterator[Finding]:
    """Whether accounts with two-factor authentication can log in: their secrets are encrypted with `CREDS_KEY`."""
    settings = examined.settings
    # Without MONGO_URI there is a key, and what is wrong with one or with the database is said elsewhere.
    if settings is None or settings.creds_key or settings.mongo_uri is None:
        return
    if examined.unusable.keys() & {"MONGO_URI", *CREDENTIALS}:
        return
    try:
        with opened(settings.mongo_uri) as database:
            number = count_second_factors(database, most=MOST_COUNTED)
    except StorageError:
        return
    if number:
        how_many = f"{number} or more" if number == MOST_COUNTED else str(number)
        todo = "Set CREDS_KEY and CREDS_IV as they were before; on LibreChat's database, its own."
        what = f"accounts that cannot log in, because CREDS_KEY is not set: {how_many}"
        yield warning("two-factor authentication", what, todo)


def check_embedded(directory: Path) -> Iterator[Finding]:
    """Start the embedded server, or join the one that runs, and look at it."""
    server = EmbeddedServer(directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        uri = server.start()
    except OSError as error:
        yield failed(
            ABOUT, f"{directory.parent} cannot be made ({error.strerror})", "See the data directory above."
        )
        return
    except EmbeddedUnavailable as error:
        what, _, todo = str(error).rpartition(" Set ")
        yield failed(ABOUT, what.rstrip("."), f"Set {todo}")
        return
    try:
        how = "started for this check" if server.alive else "is in use by a running Echo"
        yield ok(ABOUT, f"the embedded server runs ({how})")
        yield from check_deployment(uri, embedded=True)
    finally:
        server.stop()


def check_deployment(uri: str, *, embedded: bool) -> Iterator[Finding]:
    """Look at the deployment behind a URI."""
    try:
        with opened(uri) as database:
            deployment = inspect(database)
            yield _describe(deployment, database.name, embedded=embedded)
            yield _check_transactions(deployment)
            yield _check_writes(database)
            yield _check_clock(deployment)
            yield from check_indexes(database)
    except AccessDenied:
        yield failed(
            ABOUT,
            f"{hosts_of(uri)} answers, but does not let us in",
            "Check user, password and authSource in MONGO_URI, and that the user has the role readWrite.",
        )
    except Unavailable as error:
        yield _unreachable(uri, str(error))


@contextmanager
def opened(uri: str) -> Iterator[Database]:
    """A connection for one look."""
    database = Database(uri, app_name="echo-check", timeout_ms=TIMEOUT_MS)
    try:
        yield database
    finally:
        database.close()


def _unreachable(uri: str, text: str) -> Finding:
    hosts = hosts_of(uri)
    # The driver's own words may hold parts of the URI; these are ours.
    reason = next((ours for theirs, ours in REASONS if theirs in text), None)
    if not hosts or (reason is None and "Timeout" not in text):
        todo = (
            "Write it as mongodb://user:password@host:27017/LibreChat; in a password : / ? # @ are written "
            "%3A %2F %3F %23 %40."
        )
        return failed(ABOUT, "MONGO_URI cannot be used as it is", todo)
    todo = "Start MongoDB, or correct MONGO_URI; from a container, localhost is the container itself."
    return failed(ABOUT, f"{hosts} cannot be reached: {reason or 'it does not answer'}", todo)


def _describe(deployment: Deployment, name: str, *, embedded: bool) -> Finding:
    what = f"MongoDB {deployment.version}, {deployment.kind}, database {name}"
    if deployment.major < OLDEST_MAINTAINED and not embedded:
        return warning(ABOUT, f"{what}: this version gets no more corrections", "Upgrade MongoDB.")
    return ok(ABOUT, what)


def _check_transactions(deployment: Deployment) -> Finding:
    if deployment.has_transactions:
        return ok("transactions", "writes that belong together are stored together")
    return warning(
        "transactions",
        "a single server has none: after a crash a message may be without its place in the conversation",
        "Make it a replica set of one: start it with --replSet, then rs.initiate().",
    )


def _check_writes(database: Database) -> Finding:
    try:
        check_writes(database)
    except WriteRefused as error:
        todo = "Echo asks for the journal and the majority; see docs/storage.md. The user needs the role readWrite."
        return failed("writes", f"a write is refused: {error}", todo)
    return ok("writes", "are acknowledged by the journal, and by the majority of a replica set")


def _check_clock(deployment: Deployment) -> Finding:
    seconds = round(deployment.clock_seconds)
    if abs(seconds) < CLOCK_SECONDS:
        return ok("clock", "this machine and the database agree on the time")
    what = f"the database is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} this machine"
    return warning("clock", what, "Let both set their clocks by NTP: sessions would end at the wrong time.")


def check_indexes(database: Database) -> Iterator[Finding]:
    """Which indexes are not there, or not as they should be."""
    try:
        planned = plan_indexes(database)
    except StorageError as error:
        yield failed(
            "indexes", f"cannot be looked at ({type(error).__name__})", "Let the user read the database."
        )
        return
    states = Counter(each.state for each in planned)
    for each in planned:
        if each.state in ("conflict", "doubles"):
            todo = "`echo-api migrate --dry-run` shows all; drop the one in the way, or remove the doubles."
            yield warning("indexes", f"{each.collection} ({each.keys}): {each.reason}", todo)
    if states["missing"]:
        what = f"{states['missing']} of {len(planned)} are not there yet"
        yield warning("indexes", what, "The next start makes them, or `echo-api migrate` now.")
    elif states["present"] == len(planned):
        yield ok("indexes", f"all {len(planned)} are there")
