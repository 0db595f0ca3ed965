"""Whose key a tool uses: the operator's, where one is set, and else the own of who runs it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

# The user's values of these fields; see `echo.accounts.plugin_keys`.
UserValues = Callable[[str, Iterable[str]], dict[str, str]]


@dataclass(frozen=True)
class Values:
    """The values of a tool's fields by name; those in `of_user` are a user's own: no address of them is trusted."""

    found: Mapping[str, str] = field(default_factory=dict, repr=False)
    of_user: frozenset[str] = frozenset()

    def get(self, *names: str) -> str | None:
        """The first of these fields that has a value."""
        return next((self.found[name] for name in names if name in self.found), None)

    def trusts(self, name: str) -> bool:
        """Whether a value is the operator's, or nobody's."""
        return name not in self.of_user


def values_for(
    names: Iterable[str],
    operator: Mapping[str, str],
    user: Mapping[str, str],
    *,
    addresses: Collection[str] = (),
) -> Values:
    """The operator's values, and the user's for what the operator leaves open.

    Where one of the `addresses` is the user's, all is: the operator's key never goes to an address of a user's.
    """
    wanted = list(names)
    own = {name: user[name] for name in wanted if name in user and name not in operator}
    if any(name in own for name in addresses):
        own = {name: user[name] for name in wanted if name in user}
        return Values(own, frozenset(own))
    return Values({**own, **{name: operator[name] for name in wanted if name in operator}}, frozenset(own))
