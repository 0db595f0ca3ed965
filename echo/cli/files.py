"""`echo-api files`."""

import sys
from pathlib import Path

import click

from echo.cli.common import EXIT_CONFIG, EXIT_NO, EXIT_UNAVAILABLE, data_dir_option, fail, json_option, opened
from echo.cli.output import progress_bar, show_one

PLACES = ("local", "s3", "azure_blob", "firebase")


@click.group()
def files() -> None:
    """Where users' files lie."""


@files.command()
@click.option("--to", required=True, type=click.Choice(PLACES), help="Where the files go.")
@click.option("--dry-run", is_flag=True, help="Only say how many files would be moved.")
@json_option
@data_dir_option
def move(*, to: str, dry_run: bool, as_json: bool, data_dir: Path | None) -> None:
    """Move all files that are elsewhere to one place, pictures of users and agents included.

    Each file is copied, read back and compared; only then is the old one removed. If the command is interrupted, run
    it again. The exit code is 1 if a file could not be moved.
    """
    from echo.cli.file_moving import MISSING, MOVED, FileMover  # noqa: PLC0415
    from echo.cli.picture_moving import PictureMover  # noqa: PLC0415
    from echo.errors import ServiceUnavailable  # noqa: PLC0415
    from echo.files import build_file_store  # noqa: PLC0415
    from storage.operator.moving_files import MovingFiles  # noqa: PLC0415
    from storage.operator.moving_pictures import MovingPictures  # noqa: PLC0415

    with opened(data_dir) as (settings, database):
        store = build_file_store(settings)
        if to != "local" and to not in store.sources:
            fail(f"{to} is not set up: docs/files.md names its variables.", EXIT_CONFIG)
        mover = FileMover(store, MovingFiles(database), to)
        pictures = PictureMover(store, MovingPictures(database), to)
        try:
            total = mover.count()
            if dry_run:
                counted = {"to_be_moved": total, "pictures_to_be_moved": pictures.count()}
                show_one({"to": to, **counted}, as_json=as_json)
                return
            with progress_bar("files", total + pictures.size()) as moved:
                outcome = mover.run(moved)
                done = outcome.total()
                drawn = pictures.run(lambda number: moved(done + number))
        except ServiceUnavailable as error:
            fail(
                f"{error.message} What has been moved is in its new place; run this again.", EXIT_UNAVAILABLE
            )
    both = outcome + drawn
    left = both.total() - both[MOVED]
    fields = {
        "to": to,
        "moved": outcome[MOVED],
        "pictures_moved": drawn[MOVED],
        "missing": both[MISSING],
        "not_moved": left - both[MISSING],
    }
    show_one(fields, as_json=as_json)
    if left:
        sys.exit(EXIT_NO)
