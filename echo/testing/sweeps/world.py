"""What the two users have: an object of each kind that the document lets them make, and what follows from each."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echo.testing.events import EVENT_STREAM
from echo.testing.operations import Operation
from echo.testing.sweeps.building import NAMES, V1_MODEL, Builder
from echo.testing.sweeps.exchanges import Exchange, Request
from echo.testing.sweeps.links import Linked, Links, leaves
from echo.testing.sweeps.session import ADA, BOB, Session

# Of each kind: lists need some for their pages, and one is deleted in the end.
COPIES = 3
BODY = "$response.body#/"


@dataclass(frozen=True)
class Thing:
    """What an operation made for a user, and the operations on it."""

    maker: Operation
    exchange: Exchange
    links: tuple[Linked, ...]


class World:
    """The users' things by their makers, and builders of requests that know their ids.

    Things are made by operations that have links, with what those take from the answers.
    """

    def __init__(self, session: Session, left_out: Sequence[str] = (), only: Sequence[str] = ()) -> None:
        self.session = session
        self.left_out = frozenset(left_out)
        self._only = frozenset(only)
        self.links = Links(session.operations)
        self.builders = {name: Builder(session.operations) for name in (ADA, BOB)}
        self.things: dict[str, dict[str, list[Thing]]] = {ADA: {}, BOB: {}}
        # What could not be made, and why.
        self.unmade: list[str] = []

    def each(self) -> Iterator[Operation]:
        """The operations that are to be tried."""
        return (each for each in self.session.operations.each() if self.tries(each))

    def tries(self, operation: Operation) -> bool:
        """Whether an operation is to be tried: it is not left out, and one of those asked for, if any are."""
        return operation.id not in self.left_out and (not self._only or operation.id in self._only)

    def streams(self, operation: Operation) -> bool:
        """Whether an operation answers with events."""
        return any(
            EVENT_STREAM in each.get("content", {}) for each in self.session.operations.successes(operation)
        )

    def reads(self, operation: Operation) -> bool:
        """Whether an operation only looks at something, and comes to an end."""
        return operation.method == "GET" and not self.streams(operation)

    def request_of(self, user: str, linked: Linked) -> Request:
        """What a user sends to a linked operation."""
        return self.builders[user].request(linked.operation, linked.values, linked.body)

    def furnish(self) -> None:
        """Make everything, and find out which models there are. Raises `TimeIsUp`."""
        self._choose_model()
        makers = sorted(
            filter(self._makes, self.session.operations.each()), key=lambda op: op.path.count("{")
        )
        for user, copies in ((ADA, COPIES), (BOB, 1)):
            # What needs the id of another comes after it; what a first try did not have, a second may.
            late = [maker for maker in makers if not self._make(user, maker, copies)]
            for maker in late:
                if not self._make(user, maker, copies) and user == ADA and self._matters(maker):
                    self.unmade.append(f"{maker.label}: {self._refusal[:120]}")

    def _makes(self, operation: Operation) -> bool:
        if operation.id in self.left_out or operation.method not in ("POST", "PUT"):
            return False
        if not self.session.operations.is_secured(operation):
            return False
        links = [link for _, link in self.links.declared(operation)]
        told = (value for link in links for _, value in leaves(dict(link)))
        return any(value.startswith(BODY) for value in told)

    def _matters(self, maker: Operation) -> bool:
        """Whether something that is to be tried follows from what an operation makes."""
        return any(self.tries(target) for target, _ in self.links.declared(maker))

    def make_another(self, maker_id: str) -> Thing | None:
        """One more of Ada's things of a kind."""
        [maker] = [each for each in self.session.operations.each() if each.id == maker_id]
        return self._made(ADA, maker)

    def _make(self, user: str, maker: Operation, copies: int) -> bool:
        made = self.things[user].setdefault(maker.id, [])
        while len(made) < copies:
            if (thing := self._made(user, maker)) is None:
                break
            made.append(thing)
            for linked in thing.links:
                for name, value in linked.named.items():
                    self.builders[user].known.setdefault(name, value)
        return bool(made)

    def _made(self, user: str, maker: Operation) -> Thing | None:
        """What one of the maker's examples makes, at best such that its owner can look at it."""
        builder, first = self.builders[user], None
        anew = NAMES | self._own_ids(maker)
        for request in (*builder.requests(maker, {}, anew=anew), *builder.requests(maker, {})):
            exchange = self.session.send(user, request)
            if not exchange.answer.ok:
                self._refusal = exchange.answer.shown
                continue
            made = Thing(maker, exchange, tuple(self._followed(maker, exchange)))
            if self._is_there(user, made):
                return made
            if made.links:
                first = first or made
            else:
                self._refusal = f"its answer names nothing to go on with: {exchange.answer.shown}"
        return first

    def _own_ids(self, maker: Operation) -> frozenset[str]:
        """The fields that links take from an answer's top: where a body has them too, the client chooses them."""
        told = (value for _, link in self.links.declared(maker) for _, value in leaves(dict(link)))
        return frozenset(value.removeprefix(BODY) for value in told if value.startswith(BODY))

    def _is_there(self, user: str, thing: Thing) -> bool:
        look = next((each for each in thing.links if self.reads(each.operation)), None)
        if look is None:
            return bool(thing.links)
        return self.session.send(user, self.request_of(user, look)).answer.ok

    def _followed(self, maker: Operation, exchange: Exchange) -> Iterator[Linked]:
        seen: list[Linked] = []
        for linked in self.links.follow(maker, exchange):
            if linked.operation.id not in self.left_out and linked not in seen:
                seen.append(linked)
                yield linked

    def _choose_model(self) -> None:
        """One that chats, below `/api` and below `/v1`: the offline one where there is one."""
        found: dict[str, str] = {}
        models, endpoints = self._told("/api/models"), self._told("/api/endpoints")
        if isinstance(models, Mapping) and isinstance(endpoints, Mapping | list):
            there = keyed(endpoints)
            usable = {name: each for name, each in models.items() if name in there and each}
            if name := "Offline" if "Offline" in usable else next(iter(usable), None):
                found |= {"endpoint": name, "model": str(usable[name][0])}
                if isinstance(endpoints, Mapping) and isinstance(endpoints[name], Mapping):
                    found["endpointType"] = str(endpoints[name].get("type") or "")
        listed = self._told("/v1/models")
        if isinstance(listed, Mapping) and isinstance(listed.get("data"), list):
            names = [str(each["id"]) for each in listed["data"]]
            own = [each for each in names if each.startswith(f"{found.get('endpoint')}/")]
            found |= dict(zip((V1_MODEL,), own or names, strict=False))
        for builder in self.builders.values():
            builder.known.update(found)

    def _told(self, path: str) -> Any:
        operation = self.session.operations.find("GET", path)
        if not isinstance(operation, Operation):
            return None
        return self.session.send(ADA, self.builders[ADA].request(operation, {})).answer.json


def keyed(endpoints: Mapping[str, Any] | list[Any]) -> set[str]:
    """The names of the endpoints that answer without a key of the user's own."""
    pairs = (
        endpoints.items()
        if isinstance(endpoints, Mapping)
        else ((each.get("name"), each) if isinstance(each, Mapping) else (each, None) for each in endpoints)
    )
    return {
        str(name)
        for name, each in pairs
        if not (isinstance(each, Mapping) and each.get("userProvide") is True)
    }
