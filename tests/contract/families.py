"""A document's families of operations, fuzzed one at a time: where all are at once, few links are followed.

A family are the operations under one tag.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from echo.testing.operations import Operations
from echo.testing.references import Json
from echo.testing.running import ALONG_LINKS, WITHOUT_LINKS, Outcome, Plan
from echo.testing.sweeps import links

# Counted to each family: how long a run takes to get going does not depend on the number of its operations.
HEAD_START = 5


def families_of(document: Json) -> dict[str, tuple[str, ...]]:
    """The operations' ids, by their first tag."""
    found: dict[str, list[str]] = {}
    for operation in Operations(document).each():
        [tag, *_] = operation.raw.get("tags") or ["without a tag"]
        found.setdefault(tag, []).append(operation.id)
    return {name: tuple(ids) for name, ids in found.items()}


def plans_of(plan: Plan, document: Json, names: Collection[str] = ()) -> dict[str, tuple[Plan, ...]]:
    """What to run of each of these families (of all if none are named), which share the time.

    Half of a family's time is for its links alone: the other phases would leave nothing for them.
    """
    families = {name: ids for name, ids in families_of(document).items() if not names or name in names}
    operations = sum(len(ids) + HEAD_START for ids in families.values())
    found: dict[str, tuple[Plan, ...]] = {}
    for name, ids in families.items():
        linked = links.any_within(Operations(document), ids)
        phases = (ALONG_LINKS, WITHOUT_LINKS) if linked else (WITHOUT_LINKS,)
        seconds = plan.seconds * (len(ids) + HEAD_START) // operations // len(phases)
        found[name] = tuple(replace(plan, only=ids, phases=each, seconds=max(1, seconds)) for each in phases)
    return found


def told(name: str, plans: Collection[Plan], outcome: Outcome) -> str:
    """For people: what was found in a family, with everything that Schemathesis says of it."""
    [operations] = {len(plan.only) for plan in plans}
    tried = f"{name}: {operations} operations, {sum(plan.seconds for plan in plans)} s"
    return f"{tried}: nothing found\n" if outcome.exit_code == 0 else f"{tried}: FOUND\n{outcome.report}\n"


def strange(names: Collection[str], document: Mapping[str, object]) -> list[str]:
    """Those of the names that no family has."""
    return sorted(set(names) - set(families_of(document)))
