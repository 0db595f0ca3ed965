"""Running Echo: a master process that owns the embedded database and supervises the workers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import structlog

from echo.observation.metrics.shared import shared_counts
from echo.serving.keys import with_secrets
from echo.serving.lean import load_server
from echo.serving.preparing import can_fork
from echo.settings import Settings
from echo.settings.offline import NAME as OFFLINE
from echo.webclient.installed import OFF, client_in_use
from storage.embedded import EmbeddedServer

log = structlog.get_logger(__name__)


def serve(
    settings: Settings,
    *,
    ready: Path | None = None,
    seed_file: Path | None = None,
    alone: str | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests under way and stop.

    `echo.serving.forking.prepare_workers` was called before; `alone` is what it returned. `ready` is written when the
    server answers, and removed at the end. What `seed_file` names is made before.

    Raises `echo.settings.SettingsError` where the web client to be served is none or the seed cannot be used,
    `storage.embedded.EmbeddedUnavailable` where no database is configured and none can be started,
    `storage.core.errors.Unavailable` when the configured one does not answer, and
    `echo.serving.listening.AddressUnavailable`.
    """
    if not settings.rate_limits_enabled:
        log.warning("rate limits are off; never run a public server like this")
    if settings.mongo_uri and not settings.creds_key:
        log.warning("users cannot keep provider keys of their own: CREDS_KEY and CREDS_IV are not set")
    for notice in (*map(str, settings.missing_safeguards), *settings.notices):
        log.warning("settings", notice=notice)
    if alone:
        log.warning("each worker loads everything itself", cause=alone)
    if any(each.offline for each in settings.providers):
        log.info("the offline model answers: no real one (ECHO_OFFLINE_MODEL)", endpoint=OFFLINE)
    settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (
        shared_counts(enabled=settings.metrics_secret is not None),
        client_in_use(settings) as settled,
        database_for(settled, wait=not can_fork()) as (complete, embedded),
    ):
        if complete.web_client != OFF:
            log.info("the web client is served", directory=complete.web_client)
        # Imported here: an embedded database starts meanwhile, and whatever else needs one has no use for Uvicorn.
        load_server()
        from echo.serving.supervisor import run_workers  # noqa: PLC0415

        run_workers(complete, embedded, ready, seed_file)


@contextmanager
def database_for(
    settings: Settings, *, wait: bool = True
) -> Iterator[tuple[Settings, EmbeddedServer | None]]:
    """The settings completed with a database and keys; an embedded server lives as long as the context.

    Unless it is waited for, it has only begun to start.
    """
    if settings.mongo_uri:
        # What secrets it needs stand in the settings: `load_settings` asks for them.
        yield settings, None
        return
    server = EmbeddedServer(settings.data_dir / "mongodb")
    uri = server.start() if wait else server.begin()
    try:
        yield with_secrets(replace(settings, mongo_uri=uri)), server
    finally:
        server.stop()
