"""Which contract a path belongs to, and where each is: both are always served, and one of them has the root.

| `ECHO_ROOT` | the first contract | LibreChat's |
|---|---|---|
| `echo` | at the root | under `/chat`; `/images`, `/oauth` and automatic playback at the root too |
| `librechat` | under `/echo`; `/v1`, `/health`, `/docs` all else outside of `/api` at the root too | at the root |
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from echo.contract.compiled import ECHO, LIBRECHAT
from echo.contract.document import Contract, Match, load_contract

CHAT_BASE, ECHO_BASE = "/chat", "/echo"
API = "/api/"
# What records call the places of pictures, whatever path the contract is below.
PICTURES = "/images/"
# Where the client has its buttons lead, and other servers send a browser back to, whatever path the client is below.
LOGINS = "/oauth/"
# What the client asks for at the root, whatever path it is below: an answer, read aloud by itself.
PLAYBACK = "/api/files/speech/tts"


@dataclass(frozen=True)
class Mount:
    """A contract, or a part of one, below a path."""

    base: str
    contract: Contract

    def match(self, path: str) -> Match | None:
        """The operations at a whole path as it was sent, None if there are none."""
        if not path.startswith(self.base):
            return None
        return self.contract.match(path[len(self.base) :])


@dataclass(frozen=True)
class Contracts:
    """Both contracts, laid out: `bases` says below which path each is, "" being the root."""

    echo: Contract
    librechat: Contract
    bases: dict[str, str]
    mounts: tuple[Mount, ...]

    def match(self, path: str) -> Match | None:
        """The operations at a path as it was sent (percent-encoded), None if there are none.

        Each contract routes by itself: `POST /api/agents/chat/steer` of one must not fall into a template of the
        other. Raises `BadRequest` for a parameter that is not UTF-8.
        """
        return next((found for mount in self.mounts if (found := mount.match(path))), None)

    def __iter__(self) -> Iterator[Contract]:
        return iter((self.echo, self.librechat))


def load_contracts(root: str = ECHO) -> Contracts:
    """The contracts that ship with Echo; `root` names the one that has the root."""
    return lay_out(load_contract(ECHO), load_contract(LIBRECHAT), root)


def lay_out(echo: Contract, librechat: Contract, root: str) -> Contracts:
    """Both contracts with one of them at the root."""
    if root == LIBRECHAT:
        bases = {ECHO: ECHO_BASE, LIBRECHAT: ""}
        return Contracts(
            echo,
            librechat,
            bases,
            (Mount(ECHO_BASE, echo), Mount("", outside_api(echo)), Mount("", librechat)),
        )
    bases = {ECHO: "", LIBRECHAT: CHAT_BASE}
    mounts = (Mount(CHAT_BASE, librechat), Mount("", beside_api(librechat)), Mount("", echo))
    return Contracts(echo, librechat, bases, mounts)


def outside_api(contract: Contract) -> Contract:
    """The part of a contract that is about the server itself, or has an address of its own such as `/v1`."""
    return replace(
        contract, operations=tuple(each for each in contract.operations if not each.path.startswith(API))
    )


def beside_api(contract: Contract) -> Contract:
    """The part of a contract whose places others keep: pictures, where a login comes back to, answers as sound."""
    return replace(
        contract,
        operations=tuple(
            each
            for each in contract.operations
            if each.path.startswith((PICTURES, LOGINS)) or each.path == PLAYBACK
        ),
    )
