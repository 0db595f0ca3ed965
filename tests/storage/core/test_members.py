"""Which members of a replica set are asked, and that each of them is given a command."""

from dataclasses import dataclass
from typing import Any

import pytest
from pymongo.errors import OperationFailure
from pymongo.read_preferences import Nearest, Secondary, SecondaryPreferred
from pymongo.uri_parser import parse_uri

from storage.core.members import at_each_member, chosen, read_preference

HERE, THERE = ("a", 1), ("b", 2)


@dataclass
class Server:
    """What the driver knows of one, as far as it is looked at."""

    address: tuple[str, int]


SERVERS: Any = [Server(HERE), Server(THERE)]


class Client:
    """One with two members, the first of which may refuse."""

    nodes = (HERE, THERE)

    def __init__(self, *refusing: tuple[str, int]) -> None:
        self.refusing, self.admin = refusing, self
        self.asked: list[tuple[Any, ...]] = []

    def command(self, command: str, value: object, *, read_preference: Any) -> None:
        (server,) = chosen(SERVERS)
        self.asked.append((server.address, command, value, read_preference))
        if server.address in self.refusing:
            raise OperationFailure(f"{server.address} refuses")


class TestAtEachMember:
    def test_each_gets_it(self) -> None:
        client: Any = Client()
        at_each_member(client, "killSessions", ["s"])
        assert client.asked == [(address, "killSessions", ["s"], Nearest()) for address in (HERE, THERE)]
        # Afterwards all may be asked.
        assert chosen(SERVERS) == SERVERS

    @pytest.mark.parametrize(
        ("refusing", "said"), [((HERE,), HERE), ((THERE,), THERE), ((HERE, THERE), THERE)]
    )
    def test_the_others_too_where_one_refuses(
        self, refusing: tuple[tuple[str, int], ...], said: tuple[str, int]
    ) -> None:
        client: Any = Client(*refusing)
        with pytest.raises(OperationFailure) as caught:
            at_each_member(client, "killSessions", ["s"])
        assert str(caught.value).startswith(f"{said} refuses")
        assert len(client.asked) == 2
        assert chosen(SERVERS) == SERVERS


class TestReadPreference:
    @pytest.mark.parametrize(
        ("options", "wanted"),
        [
            ("retryWrites=true", None),
            ("readPreference=primary", None),
            ("readPreference=secondary", Secondary()),
            ("READPREFERENCE=secondaryPreferred", SecondaryPreferred()),
            (
                "readPreference=secondary&readPreferenceTags=dc:x&maxStalenessSeconds=120",
                Secondary([{"dc": "x"}], max_staleness=120),
            ),
        ],
    )
    def test_is_what_the_uri_says_beside_the_primary(self, options: str, wanted: Any) -> None:
        uri = f"mongodb://127.0.0.1:1/x?replicaSet=r&{options}"
        assert read_preference(uri, parse_uri(uri)["options"]) == wanted
