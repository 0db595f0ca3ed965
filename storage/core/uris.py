"""The options of a MongoDB URI, of which each driver knows others.

The connection string specification has a driver ignore, with a warning, what it does not know, so that one URI serves
programs in several languages. A value that cannot be is refused here: `tls=ture` must not mean no TLS.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pymongo.errors import PyMongoError
from pymongo.uri_parser import parse_uri

from storage.core.errors import Unavailable

# What may be shown of a URI: what looks like a name, and does not come from a password with a `?` in it.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,60}")
FILES = ("tlscafile", "tlscertificatekeyfile")
UNKNOWN = "Unknown option"


class UnusableUri(Unavailable):
    """An option of a URI cannot be used; the text names it, and never shows a password."""


@dataclass(frozen=True)
class Uri:
    """A URI as the driver takes it; `ignored` names the options that it does not know, which are left out."""

    text: str
    ignored: tuple[str, ...] = ()


def read_uri(uri: str) -> Uri:
    """Leave out what the driver does not know, and separators with nothing between. Raises `UnusableUri`."""
    start, query = _parted(uri)
    separator = "&" if "&" in query else ";"
    options = [option for option in query.split(separator) if option]
    if not options or ("@" in query and "@" not in start):
        return Uri(uri)
    unknown = [option for option in options if not _is_known(option)]
    kept = [option for option in options if option not in unknown]
    return Uri(f"{start}?{separator.join(kept)}" if kept else start, tuple(_names(unknown)))


def _parted(uri: str) -> tuple[str, str]:
    """What stands before the `?` of the options, and the options."""
    scheme, _, rest = uri.partition("://")
    hosts, slash, path = rest.partition("/")
    start, _, query = (path if slash else hosts).partition("?")
    before = f"{hosts}{slash}" if slash else ""
    return f"{scheme}://{before}{start}", query


def _is_known(option: str) -> bool:
    name, equals, value = option.partition("=")
    if not equals:
        raise UnusableUri(f"{_shown(name)} has no value")
    if name.lower().startswith("srv"):
        # Known, and refused in any URI but a `mongodb+srv://` one, which could not be read without a name server.
        return True
    try:
        parse_uri(f"mongodb://localhost/?{option}")
    except OSError as error:
        file = f" {value}" if name.lower() in FILES else ""
        raise UnusableUri(f"{_shown(name)} names a file{file} that cannot be read") from error
    except (PyMongoError, ValueError, TypeError) as error:
        if str(error).startswith(UNKNOWN):
            return False
        raise UnusableUri(f"{_shown(name)} has a value that it cannot have") from error
    return True


def _names(options: list[str]) -> Iterator[str]:
    for option in options:
        yield _shown(option.partition("=")[0])


def _shown(name: str) -> str:
    return name if NAME.fullmatch(name) else "an option without a proper name"
