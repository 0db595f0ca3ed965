"""Limits that `librechat.yaml` sets: of requests, and of files."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from echo.settings.librechat.config import ConfigFile
from echo.settings.model import FileRules
from echo.settings.rate_limits import RateLimit

MB = 1024 * 1024
MINUTE = 60
# Which of the server's limits a section of `rateLimits` sets, by address and by account.
_SECTIONS = {
    "fileUploads": ("upload_ip", "upload_user"),
    "conversationsImport": ("import_ip", "import_user"),
    "stt": ("stt_ip", "stt_user"),
    "tts": ("tts_ip", "tts_user"),
}


def with_rate_limits(config: ConfigFile, limits: Mapping[str, RateLimit]) -> dict[str, RateLimit]:
    """The limits as the file changes them: as in LibreChat, it comes before the environment."""
    changed = dict(limits)
    section = config.section("rateLimits")
    for name, own in _SECTIONS.items():
        said = section.get(name, {})
        for limit, (most, window) in zip(
            own, (("ipMax", "ipWindowInMinutes"), ("userMax", "userWindowInMinutes")), strict=True
        ):
            if limit in changed:
                changed[limit] = _changed(changed[limit], said.get(most), said.get(window))
    return changed


def _changed(limit: RateLimit, most: int | None, minutes: float | None) -> RateLimit:
    if most is not None:
        limit = replace(limit, limit=most)
    return limit if minutes is None else replace(limit, window_seconds=max(1, round(minutes * MINUTE)))


def read_file_rules(config: ConfigFile) -> dict[str, FileRules]:
    """What may be uploaded, by endpoint; "default" is what holds for every upload."""
    section = config.section("fileConfig")
    rules = {name: _rules(own) for name, own in section.get("endpoints", {}).items()}
    if (server := _bytes(section.get("serverFileSizeLimit"))) is not None:
        default = rules.get("default", FileRules())
        rules["default"] = replace(default, max_bytes=min(server, default.max_bytes or server))
    return rules


def _rules(own: Mapping[str, Any]) -> FileRules:
    patterns = own.get("supportedMimeTypes")
    # LibreChat, too, takes an endpoint without uploads for one without types.
    types = () if own.get("disabled") else tuple(patterns) if patterns is not None else None
    return FileRules(
        max_files=own.get("fileLimit"),
        max_bytes=_bytes(own.get("fileSizeLimit")),
        max_total_bytes=_bytes(own.get("totalSizeLimit")),
        media_types=types,
    )


def _bytes(megabytes: float | None) -> int | None:
    return None if megabytes is None else int(megabytes * MB)
