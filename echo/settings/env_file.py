"""`.env` files, read as LibreChat reads them: one file means the same to both.

LibreChat's reader is Node's `dotenv` 16, and no two readers of such files agree: there an unquoted value ends at any
`#`, a quote left open is part of the value, backticks quote, `NAME: value` sets too, and `\\"` stays as it is.
A secret that is read otherwise would end every session and make stored keys unreadable.
"""

import re
from pathlib import Path

# White space in JavaScript, which has the byte order mark among it.
_BLANK = "\t\v\f \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff"
_WHITE = f"[{_BLANK}\n]"
_QUOTES = "'\"`"
# Of a quoted text the first quote without a backslash is the end; if there is none, any that a line ends with.
_QUOTED = "|".join(rf"{_WHITE}*{quote}(?:\\{quote}|[^{quote}])*{quote}" for quote in _QUOTES)
_ENTRY = re.compile(
    rf"^[{_BLANK}]*(?:export{_WHITE}+)?"
    r"(?P<name>[A-Za-z0-9_.-]+)"
    rf"(?:{_WHITE}*={_WHITE}*?|:{_WHITE}+?)"
    rf"(?P<value>{_QUOTED}|[^#\n]+)?"
    rf"{_WHITE}*(?:#.*)?$",
    re.MULTILINE,
)


def read_env_file(path: Path) -> dict[str, str]:
    """The variables of a file; none where there is no such file. Raises `OSError` and `UnicodeError`."""
    try:
        return parse_env(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def parse_env(text: str) -> dict[str, str]:
    """The variables that a text sets; of one that it sets twice the last. What is no entry is passed over."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return {entry["name"]: _value(entry["value"] or "") for entry in _ENTRY.finditer(lines)}


def _value(written: str) -> str:
    value = re.sub(f"^{_WHITE}+|{_WHITE}+$", "", written)
    first = value[:1]
    if len(value) > 1 and first in _QUOTES and value.endswith(first):
        value = value[1:-1]
    return value.replace("\\n", "\n").replace("\\r", "\r") if first == '"' else value
