"""`echo-api serve`."""

import gc
from pathlib import Path
from typing import Any

import click

from echo.cli.common import (
    EXIT_CONFIG,
    can_be_written,
    data_dir_option,
    fail,
    read_settings,
    unavailable_ends,
)


@click.command()
@click.option("--host", help="Address to listen on (HOST, else 127.0.0.1).")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on (PORT, else 3080). 0 takes any free port.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Number of worker processes (ECHO_WORKERS, else one per core).",
)
@click.option(
    "--root",
    type=click.Choice(["echo", "librechat"]),
    help="Whose API answers at / (ECHO_ROOT, else echo).",
)
@click.option(
    "--web-client",
    metavar="DIR|off",
    help="Directory of a built web client, or off (ECHO_WEB_CLIENT, else the one that is installed).",
)
@click.option(
    "--ready-file",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=can_be_written,
    help="File to write when the server answers, with its address and process id. It is removed at the end.",
)
@click.option(
    "--seed",
    "seed_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON file with users and conversations to make before the server starts, for tests.",
)
@data_dir_option
def serve(*, ready_file: Path | None, seed_file: Path | None, **options: Any) -> None:
    """Start the server. It runs until SIGTERM or Ctrl-C.

    Settings come from the environment, .env and librechat.yaml. These options win over them.
    """
    if ready_file:
        # Before anybody takes what an earlier server left for this one's.
        ready_file.unlink(missing_ok=True)
    # Imported here, and first: the workers load while all that follows is done.
    from echo.serving.forking import give_up_workers, prepare_workers  # noqa: PLC0415

    # Nothing that a start makes is garbage.
    gc.disable()
    alone = prepare_workers()
    try:
        _serve(ready_file and ready_file.absolute(), seed_file, options, alone)
    except BaseException:
        give_up_workers()
        raise


def _serve(ready: Path | None, seed_file: Path | None, options: dict[str, Any], alone: str | None) -> None:
    from echo.serving.lean import load_checks, load_logging  # noqa: PLC0415
    from echo.serving.plain_dataclasses import plain_dataclasses  # noqa: PLC0415

    load_logging()
    load_checks()
    with plain_dataclasses():
        from echo.observation.logs import configure_logging  # noqa: PLC0415
        from echo.serving.serve import serve as run  # noqa: PLC0415
        from echo.settings import SettingsError  # noqa: PLC0415

    settings = read_settings(options)
    configure_logging(settings)
    with unavailable_ends():
        try:
            run(settings, ready=ready, seed_file=seed_file, alone=alone)
        except SettingsError as error:
            fail(str(error), EXIT_CONFIG)
