"""Another user's object answers exactly like one that does not exist, and is left alone."""

from collections.abc import Iterator

from echo.testing.likeness import another, faceless
from echo.testing.sweeps.exchanges import Answer, Exchange
from echo.testing.sweeps.findings import Finding, Kind, Result
from echo.testing.sweeps.links import Linked, leaves
from echo.testing.sweeps.session import ADA, BOB
from echo.testing.sweeps.world import Thing, World

NAME = "ownership"
SERVED = Kind("served-to-another", "A user is served with what is another's", "critical")
CHANGED = Kind("changed-by-another", "A user's object was changed by another", "critical")
TOLD_APART = Kind("existence-told", "The answer tells that another user's object exists", "medium", True)
# A text that is shorter may be anybody's.
LEGIBLE = 6
# What destroys comes last.
ORDER = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def sweep(world: World, result: Result) -> None:
    """Bob tries what Ada may do with what is hers. Raises `TimeIsUp`."""
    for maker_id, things in world.things[ADA].items():
        if not things:
            continue
        own = next(iter(world.things[BOB].get(maker_id, ())), None)
        # As a second look finds it: some things are told once, by whoever of the owners asks first.
        list(reads(world, things[0]))
        before = [each.answer for each in reads(world, things[0])]
        tried = list[Exchange]()
        for linked in sorted(things[0].links, key=lambda each: ORDER.index(each.operation.method)):
            if world.tries(linked.operation) and world.session.operations.is_secured(linked.operation):
                result.tried += 1
                result.found.extend(compared(world, things[0], linked, own, tried))
        result.found.extend(touched(world, things[0], before, tried))


def reads(world: World, thing: Thing) -> Iterator[Exchange]:
    """Ada looks at her own thing."""
    for linked in thing.links:
        if world.reads(linked.operation):
            yield world.session.send(ADA, world.request_of(ADA, linked))


def compared(
    world: World, thing: Thing, linked: Linked, own: Thing | None, tried: list[Exchange]
) -> Iterator[Finding]:
    """All ids of Ada's at once, then each of them among Bob's own (CVE-2024-41703)."""
    ids = ids_of(world, linked)
    sets = [ids]
    mine = own_of(linked, own)
    if mine and len(ids) > 1:
        sets += [{name: value} for name, value in ids.items() if mine.named.get(name) != value]
    for given in sets:
        base = linked if given is ids or mine is None else mine
        foreign = world.session.send(BOB, world.request_of(BOB, base.with_values(given)))
        fresh = {name: another(value) for name, value in given.items()}
        nothing = world.session.send(BOB, world.request_of(BOB, base.with_values(fresh)))
        tried.append(foreign)
        if kind := difference(thing, foreign, nothing, [*given.values(), *fresh.values()]):
            which = ", ".join(sorted(given))
            detail = f"With another user's {which}: {foreign.answer.shown}\n"
            detail += f"With what nothing has: {nothing.answer.shown}"
            yield Finding(NAME, kind, linked.operation.label, detail, (nothing, foreign))
            return


def ids_of(world: World, linked: Linked) -> dict[str, str]:
    """What names the object, but for what is one of a few words that the document lists."""
    operations = world.session.operations
    listed = {
        parameter["name"]
        for parameter in operations.parameters(linked.operation, "path")
        if "enum" in world.builders[BOB].resolve(parameter.get("schema", {}))
    }
    return {name: value for name, value in linked.named.items() if name not in listed}


def own_of(linked: Linked, own: Thing | None) -> Linked | None:
    """The same operation on a thing of Bob's own."""
    same = (each for each in own.links if each.operation.id == linked.operation.id) if own else iter(())
    return next(same, None)


def difference(thing: Thing, foreign: Exchange, nothing: Exchange, ids: list[str]) -> Kind | None:
    """How two answers differ that should not, if they do."""
    one, other = ((each.answer.status, faceless(each.answer.text, ids)) for each in (foreign, nothing))
    if one == other:
        return None
    if not foreign.answer.ok:
        return TOLD_APART
    # Some say that it went well whatever happened: what counts is what they show.
    told = {
        text for _, text in leaves(thing.exchange.answer.json) if len(text) >= LEGIBLE and text not in ids
    }
    shown = any(text in foreign.answer.text and text not in nothing.answer.text for text in told)
    return SERVED if shown or not nothing.answer.ok else TOLD_APART


def touched(world: World, thing: Thing, before: list[Answer], tried: list[Exchange]) -> Iterator[Finding]:
    """What Ada sees of her own thing after all that Bob has tried."""
    for was, now in zip(before, reads(world, thing), strict=True):
        if was.ok and (was.status, faceless(was.text)) != (now.answer.status, faceless(now.answer.text)):
            changing = [each for each in tried if each.request.method != "GET"]
            detail = f"Before another user's requests: {was.shown}\nAfter them: {now.answer.shown}"
            yield Finding(NAME, CHANGED, thing.maker.label, detail, (*changing, now))
            return
