"""Services with files: whether each takes one, gives it back, and forgets it."""

import secrets
from collections.abc import Iterator
from io import BytesIO

from echo.doctor.findings import Examined, Finding, failed, ok, skipped, warning
from echo.errors import ApiError
from echo.files.cloud import Cloud, build_clouds
from echo.settings.cloud import EXTRAS, is_missing

# Beside the keys of users, so that it is taken for nobody's.
PREFIX = "echo-check/"


def check_clouds(examined: Examined) -> Iterator[Finding]:
    """Every service that is set up; nothing where there is none."""
    settings = examined.settings.cloud if examined.settings else None
    if settings is None:
        return
    for source, extra in EXTRAS.items():
        if settings.has(source) and is_missing(source):
            todo = f'pip install "echo-api[{extra}]"'
            yield warning(f"files in {source}", "the library for it is not installed", todo)
    for source, cloud in build_clouds(settings).items():
        about = f"files in {source}"
        if examined.offline:
            yield skipped(about, "the service is not asked")
        elif problem := _problem(cloud):
            todo = "See docs/files.md for the variables, and which rights the server needs there."
            unused = source not in settings.used
            yield (warning if unused else failed)(about, problem, todo)
        else:
            yield ok(about, "a file can be written, read and removed")


def _problem(cloud: Cloud) -> str | None:
    key, content = PREFIX + secrets.token_hex(8), secrets.token_bytes(64)
    step = "written"
    try:
        cloud.put(key, BytesIO(content), media_type="application/octet-stream", filename="check")
        step = "read"
        same = cloud.read(key, 0, len(content)) == content
        step = "listed"
        there = any(each == key for each, _ in cloud.list(PREFIX))
        step = "removed"
        cloud.delete(key)
    except ApiError:
        return f"a file cannot be {step}; the log says why"
    return None if same and there else "a file is not given back as it was written"
