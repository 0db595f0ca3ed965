"""Which models are open to whom."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

# Every model, and any role that has no line of its own.
ALL = "*"


@dataclass(frozen=True)
class Opened:
    """The models that are open to one user; all of them where `names` is None.

    A name is `endpoint/model`, or without a slash a model wherever it is. With a star at its end it is the beginning
    of such a name: `endpoint/*`, `gpt-*`, and `*` for everything.
    """

    names: frozenset[str] | None = None

    def may_ask(self, endpoint: str, model: str) -> bool:
        """Whether a model of an endpoint is open."""
        return self.names is None or any(_is_of(each, endpoint, model) for each in self.names)

    def among(self, endpoint: str, models: Iterable[str]) -> tuple[str, ...]:
        """Those of an endpoint's models that are open."""
        return tuple(each for each in models if self.may_ask(endpoint, each))

    def reaches(self, endpoint: str, models: Iterable[str], *, all_known: bool) -> bool:
        """Whether something of an endpoint is open: of these models, or where not all are known, of any."""
        if self.names is None or self.among(endpoint, models):
            return True
        return any(
            each.startswith(f"{endpoint}/") or ("/" not in each and not all_known) for each in self.names
        )


EVERYTHING = Opened()


@dataclass(frozen=True)
class ModelRules:
    """What is open to each role and to each group, which is named by its name or an id. `*` is every other role.

    A user gets what the role and all groups together are given, and nothing else.
    """

    roles: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, tuple[str, ...]]

    def opened(self, role: str, groups: Iterable[str]) -> Opened:
        """What is open to a user of a role who is in groups of these names and ids."""
        named = self.roles.get(role, self.roles.get(ALL, ()))
        return Opened(frozenset((*named, *(each for group in groups for each in self.groups.get(group, ())))))

    def endpoints(self) -> Iterator[str]:
        """All names that name an endpoint."""
        for listed in (*self.roles.values(), *self.groups.values()):
            yield from (each for each in listed if "/" in each)


def _is_of(name: str, endpoint: str, model: str) -> bool:
    whole = f"{endpoint}/{model}"
    if not name.endswith(ALL):
        return name == whole or ("/" not in name and name == model)
    beginning = name.removesuffix(ALL)
    if "/" not in beginning:
        return model.startswith(beginning)
    # One endpoint's name may begin like another's.
    return beginning.startswith(f"{endpoint}/") and whole.startswith(beginning)
