"""Overrides of the configuration, as administrators write them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from echo.access.audit import Actor, AuditLog
from echo.access.capabilities import ASSIGN_CONFIGS, MANAGE_CONFIGS, READ_CONFIGS, Capabilities, covers
from echo.access.service import insufficient
from echo.admin.live import BASE, LiveSettings, override_in
from echo.admin.redaction import redacted
from echo.errors import Conflict, FieldError, InvalidRequest, Unprocessable
from echo.settings import Settings
from echo.settings.overrides import check, fixed_paths, is_changeable, merged, with_value, without
from echo.settings.reader import ConfigFileError
from storage.access.configs import ConfigRepository, Overrides
from storage.core import errors as storage_errors

Document = dict[str, Any]
# Two who change the same at once: the one who loses tries again on what the other one wrote.
MAX_TRIES = 5
DEFAULT_PRIORITY = 10


@dataclass(frozen=True)
class Whom:
    """Whom overrides are for: all of a role or a group, or a user; `__base__` among the roles means everybody."""

    kind: str
    id: str

    @property
    def is_base(self) -> bool:
        """Whether that is everybody."""
        return self.id == BASE


class AdminConfigs:
    """Overrides of everybody's. Who may read or change only some sections sees and changes no others."""

    def __init__(
        self,
        settings: Settings,
        configs: ConfigRepository,
        live: LiveSettings,
        capabilities: Capabilities,
        audit: AuditLog,
    ) -> None:
        self._settings = settings
        self._configs = configs
        self._live = live
        self._capabilities = capabilities
        self._audit = audit

    def list(self, user_id: str) -> Sequence[Document]:
        """All overrides, those that win last. Raises `Forbidden` to one who may read no section."""
        held = self._demand_reading(user_id)
        return [_readable(each, held) for each in self._configs.list()]

    def base(self, user_id: str, *, only_file: bool) -> Document:
        """The file, with the overrides for everybody over it unless `only_file`; no secrets. Raises `Forbidden`."""
        held = self._demand_reading(user_id)
        stored = None if only_file else self._configs.find("role", BASE)
        overrides = [override_in(stored)] if stored and stored.get("isActive") is not False else []
        values = merged(self._settings.file, overrides)
        shown: Document = redacted(_sections(values, held))
        return shown

    def get(self, user_id: str, whom: Whom) -> Document:
        """Overrides for one. Raises `Forbidden`, `NotFound`."""
        held = self._demand_reading(user_id)
        return _readable(self._found(whom), held)

    def put(
        self, actor: Actor, whom: Whom, values: Mapping[str, Any], priority: float | None
    ) -> tuple[Document, bool]:
        """Replace the overrides for one; what they are now, and whether there were none.

        Raises `Forbidden`, `InvalidRequest` and `Unprocessable`. Who may only assign configurations makes empty ones.
        """
        held = self._capabilities.of(actor.id)
        if MANAGE_CONFIGS not in held:
            self._demand_assigning(held, whom)
            if values:
                raise insufficient()
        _check_values(values)

        def change(stored: Document | None) -> Overrides:
            if MANAGE_CONFIGS in held:
                return Overrides(values, (), DEFAULT_PRIORITY if priority is None else priority)
            if stored and (stored.get("overrides") or stored.get("tombstones")):
                raise insufficient()
            return Overrides(priority=_written(stored).priority)

        changed = self._change(whom, change)
        self._note(actor, "updated", whom, paths=sorted(values))
        return _readable(changed, held), changed["configVersion"] == 1

    def patch(
        self, actor: Actor, whom: Whom, entries: Sequence[tuple[str, Any]], priority: float | None
    ) -> Document:
        """Set values at paths; the overrides. Raises `Forbidden`, `InvalidRequest` and `Unprocessable`."""
        paths = [path for path, _ in entries]
        held = self._demand_changing(actor, whom, paths)
        if len(set(paths)) < len(paths):
            raise InvalidRequest(errors=(FieldError("entries", "name a path twice"),))
        _check_paths(paths)

        def change(stored: Document | None) -> Overrides:
            known = _written(stored)
            values: Mapping[str, Any] = known.values
            for path, value in entries:
                values = with_value(values, path, value)
            _check_values({name: values[name] for name in {path.partition(".")[0] for path in paths}})
            gone = [path for path in known.tombstones if not _touches(path, paths)]
            rank = priority if priority is not None and MANAGE_CONFIGS in held else known.priority
            return replace(known, values=values, tombstones=gone, priority=rank)

        changed = self._change(whom, change)
        self._note(actor, "updated", whom, paths=paths)
        return _readable(changed, held)

    def bury(self, actor: Actor, whom: Whom, path: str, priority: float | None) -> Document:
        """Take away what is at a path, for this one; the overrides. Raises as `patch`."""
        held = self._demand_changing(actor, whom, [path])
        _check_paths([path])

        def change(stored: Document | None) -> Overrides:
            known = _written(stored)
            rank = priority if priority is not None and MANAGE_CONFIGS in held else known.priority
            gone = [*dict.fromkeys([*known.tombstones, path])]
            return replace(known, values=without(known.values, path), tombstones=gone, priority=rank)

        changed = self._change(whom, change)
        self._note(actor, "taken_away", whom, paths=[path])
        return _readable(changed, held)

    def unset(self, actor: Actor, whom: Whom, path: str) -> Document:
        """Let a path be what it is without these overrides. Also what has no effect here can go.

        Raises `Forbidden` and `NotFound`.
        """
        held = self._demand_changing(actor, whom, [path])
        self._found(whom)

        def change(stored: Document | None) -> Overrides:
            known = _written(stored)
            left = [each for each in known.tombstones if each != path and not each.startswith(f"{path}.")]
            return replace(known, values=without(known.values, path), tombstones=left)

        changed = self._change(whom, change)
        self._note(actor, "reset", whom, paths=[path])
        return _readable(changed, held)

    def activate(self, actor: Actor, whom: Whom, *, active: bool) -> Document:
        """Switch overrides on or off. Raises `Forbidden`, `NotFound`."""
        held = self._demand_lifecycle(actor, whom)

        def change(stored: Document | None) -> Overrides:
            return replace(_written(stored), is_active=active)

        changed = self._change(whom, change)
        self._note(actor, "activated" if active else "deactivated", whom)
        return _readable(changed, held)

    def delete(self, actor: Actor, whom: Whom) -> None:
        """Remove the overrides for one. Raises `Forbidden`, `NotFound`."""
        held = self._demand_lifecycle(actor, whom)
        if not self._configs.delete(whom.kind, whom.id, only_empty=MANAGE_CONFIGS not in held):
            raise storage_errors.NotFound
        self._live.forget()
        self._note(actor, "deleted", whom)

    def _change(self, whom: Whom, change: Callable[[Document | None], Overrides]) -> Document:
        for _ in range(MAX_TRIES):
            stored = self._configs.find(whom.kind, whom.id)
            try:
                changed = self._configs.put(whom.kind, whom.id, change(stored), seen=stored)
            except storage_errors.Conflict:
                continue
            self._live.forget()
            return changed
        raise Conflict("Somebody else is changing this.", code="conflict")

    def _found(self, whom: Whom) -> Document:
        stored = self._configs.find(whom.kind, whom.id)
        if stored is None:
            raise storage_errors.NotFound
        return stored

    def _demand_reading(self, user_id: str) -> set[str]:
        held = self._capabilities.of(user_id)
        if not any(each.startswith((READ_CONFIGS, MANAGE_CONFIGS)) for each in held):
            raise insufficient()
        return held

    def _demand_changing(self, actor: Actor, whom: Whom, paths: Sequence[str]) -> set[str]:
        held = self._capabilities.of(actor.id)
        sections = {path.partition(".")[0] for path in paths}
        if whom.is_base and MANAGE_CONFIGS not in held:
            raise insufficient()
        if not all(covers(held, f"{MANAGE_CONFIGS}:{section}") for section in sections):
            raise insufficient()
        return held

    def _demand_assigning(self, held: set[str], whom: Whom) -> None:
        if whom.is_base or not covers(held, f"{ASSIGN_CONFIGS}:{whom.kind}"):
            raise insufficient()

    def _demand_lifecycle(self, actor: Actor, whom: Whom) -> set[str]:
        """Who may only assign configurations switches and removes those in which nothing is."""
        held = self._capabilities.of(actor.id)
        if MANAGE_CONFIGS in held:
            self._found(whom)
            return held
        self._demand_assigning(held, whom)
        stored = self._found(whom)
        if stored.get("overrides") or stored.get("tombstones"):
            raise insufficient()
        return held

    def _note(self, actor: Actor, what: str, whom: Whom, *, paths: Sequence[str] = ()) -> None:
        details = {"principalType": whom.kind, **({"paths": ", ".join(paths)[:1000]} if paths else {})}
        self._audit.record(actor, f"config.{what}", "config", whom.id, **details)


def _written(stored: Mapping[str, Any] | None) -> Overrides:
    if stored is None:
        return Overrides(priority=DEFAULT_PRIORITY)
    known, priority = override_in(dict(stored)), stored.get("priority")
    rank = priority if isinstance(priority, int | float) else DEFAULT_PRIORITY
    return Overrides(known.values, known.tombstones, rank, stored.get("isActive") is not False)


def _touches(tombstone: str, paths: Sequence[str]) -> bool:
    """Whether something is set at, below or above what was taken away."""
    return any(
        path == tombstone or path.startswith(f"{tombstone}.") or tombstone.startswith(f"{path}.")
        for path in paths
    )


def _check_paths(paths: Sequence[str]) -> None:
    if fixed := [path for path in paths if not is_changeable(path)]:
        raise _fixed(fixed)


def _check_values(values: Mapping[str, Any]) -> None:
    if fixed := fixed_paths(values):
        raise _fixed(fixed)
    try:
        check(values)
    except ConfigFileError as error:
        raise Unprocessable(str(error), code="wrong_configuration") from error


def _fixed(paths: Sequence[str]) -> Unprocessable:
    named = ", ".join(paths[:5])
    return Unprocessable(
        f"Echo reads this from librechat.yaml when it starts, or from the permissions of roles: {named}.",
        code="fixed_configuration",
    )


def _readable(config: Document, held: set[str]) -> Document:
    """Overrides as one may see them who has these capabilities."""
    known = override_in(config)
    tombstones = [
        path for path in known.tombstones if covers(held, f"{READ_CONFIGS}:{path.partition('.')[0]}")
    ]
    return {**config, "overrides": redacted(_sections(known.values, held)), "tombstones": tombstones}


def _sections(values: Mapping[str, Any], held: set[str]) -> Document:
    return {name: value for name, value in values.items() if covers(held, f"{READ_CONFIGS}:{name}")}
