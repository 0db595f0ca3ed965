"""The audit log: what of it is asked for, and as a table."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, time
from typing import Any

from echo.access.audit import MAX_EXPORTED, AuditFilter, Verification, read_time
from echo.handling.stream_body import StreamBody
from handlers.librechat.schemas import admin

Json = dict[str, Any]
# What a spreadsheet takes for the beginning of a formula.
FORMULA = re.compile(r"[=+\-@\t\r]")
BOM = "\ufeff"
COLUMNS = (
    *("Timestamp", "Category", "Action", "Outcome", "Severity", "Actor type", "Actor", "Actor ID"),
    *("Target type", "Target", "Target ID", "Capability", "Details", "IP", "Request ID", "Seq", "Hash"),
)
ROWS_AT_ONCE = 200
# What those take at most, roughly.
BYTES_AT_ONCE = 1_000_000


def read_filter(
    *, exact: Mapping[str, Any], texts: Mapping[str, str | None], times: tuple[str | None, str | None]
) -> AuditFilter:
    """What a client asks for; nothing where it says nothing. Raises `InvalidRequest` for a day that is none."""
    since, until = times
    return AuditFilter(
        {name: _several(value) for name, value in exact.items() if value},
        {name: text for name, text in texts.items() if text and text.strip()},
        read_time("from", since, time.min),
        read_time("to", until, time(23, 59, 59, 999000)),
    )


def _several(value: Any) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else (value,)


def verification(found: Verification) -> Json:
    """Whether the chain holds."""
    known = {"brokenAt": found.broken_at, "reason": found.reason}
    within = {"firstSeq": found.first, "lastSeq": found.last}
    return {
        "ok": found.ok,
        "chainKey": "__platform__",
        "checked": found.checked,
        **{name: value for name, value in known.items() if value is not None},
        **({"range": within} if found.first is not None and found.last is not None else {}),
    }


def table(documents: Iterable[Mapping[str, Any]]) -> StreamBody:
    """Entries as CSV, which is made while it is sent."""
    today = datetime.now(UTC).date()
    name = f"audit-log-{today}.csv"
    return StreamBody(_pieces(documents), "text/csv; charset=utf-8", name, held=BYTES_AT_ONCE)


def _pieces(documents: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    yield (BOM + _line(COLUMNS)).encode()
    lines: list[str] = []
    for number, document in enumerate(documents):
        if number == MAX_EXPORTED:
            lines.append(f"# TRUNCATED: there are more than {MAX_EXPORTED} entries\r\n")
            break
        lines.append(_line(_row(admin.entry(document))))
        if len(lines) == ROWS_AT_ONCE:
            yield "".join(lines).encode("utf-8", "replace")
            lines = []
    if lines:
        yield "".join(lines).encode("utf-8", "replace")


def _row(entry: Json) -> Iterator[str]:
    actor, target, context = entry["actor"], entry["target"], entry.get("context", {})
    metadata, integrity = entry.get("metadata", {}), entry["integrity"]
    yield from (
        str(entry.get(each, "")) for each in ("timestamp", "category", "action", "outcome", "severity")
    )
    yield from (str(actor.get(each, "")) for each in ("type", "name", "id"))
    yield from (str(target.get(each, "")) for each in ("type", "name", "id"))
    yield str(metadata.get("capability", ""))
    yield json.dumps(metadata, ensure_ascii=False) if metadata else ""
    yield from (str(context.get(each, "")) for each in ("ip", "requestId"))
    yield from (str(integrity[each]) for each in ("seq", "hash"))


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow([f"'{cell}" if FORMULA.match(cell) else cell for cell in cells])
    return text.getvalue()
