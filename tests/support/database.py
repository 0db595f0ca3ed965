"""Fresh databases on the deployment under test."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from pymongo import MongoClient
from pymongo.uri_parser import parse_uri


@contextmanager
def named_database(uri: str, prefix: str) -> Iterator[str]:
    """The URI of a new, empty database on the server of `uri`; dropped at the end."""
    name = f"{prefix}_{secrets.token_hex(4)}"
    yield with_database(uri, name)
    with MongoClient(uri) as client:
        client.drop_database(name)


def with_database(uri: str, name: str) -> str:
    """The same deployment, another database."""
    parse_uri(uri)
    scheme, _, rest = uri.partition("://")
    hosts, _, path = rest.partition("/")
    query = path.partition("?")[2]
    return f"{scheme}://{hosts}/{name}{'?' + query if query else ''}"
