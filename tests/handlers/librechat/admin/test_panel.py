"""What LibreChat's admin panel asks of overrides for some and of its log, and how it reads the answers."""

import csv
import io
from typing import Any

import pytest

from tests.conftest import UserClient
from tests.handlers.librechat.admin.conftest import A

PATH = "interface.customWelcome"


def ok(answer: Any) -> Any:
    """An answer that the panel takes for success; of an error it shows `error`."""
    assert answer.is_success, answer.json()["error"]
    return answer.json()


@pytest.mark.parametrize("kind", ["user", "group", "role"])
class TestScopes:
    def test_are_made_filled_switched_and_removed(
        self, root: UserClient, ada: UserClient, role: str, kind: str
    ) -> None:
        group = ok(root.post(f"{A}/groups", json={"name": "Readers"}))["group"]
        principal = {"user": ada.id, "group": group["_id"], "role": role}[kind]
        scope = f"{A}/config/{kind}/{principal}"
        made = ok(root.put(scope, json={"overrides": {}, "priority": 20}))["config"]
        assert (made["principalType"], made["principalId"]) == (kind, principal)
        assert (made["priority"], made["isActive"], made["overrides"]) == (20, True, {})
        assert made["_id"] in [each["_id"] for each in ok(root.get(f"{A}/config"))["configs"]]
        ok(root.patch(f"{scope}/fields", json={"entries": [{"fieldPath": PATH, "value": "Hi"}]}))
        shown = ok(root.get(scope))["config"]
        assert shown["overrides"] == {"interface": {"customWelcome": "Hi"}}
        ok(root.request("DELETE", f"{scope}/fields", params={"fieldPath": PATH}))
        ok(root.post(f"{scope}/fields/tombstone", json={"fieldPath": PATH}))
        assert ok(root.get(scope))["config"]["tombstones"] == [PATH]
        ok(root.patch(f"{scope}/active", json={"isActive": False}))
        assert ok(root.get(scope))["config"]["isActive"] is False
        ok(root.delete(scope))
        assert root.get(scope).status_code == 404
        ok(root.delete(f"{A}/groups/{group['_id']}"))

    def test_may_name_somebody_who_is_not_there(self, root: UserClient, kind: str) -> None:
        """The panel makes up the name of a group or role for which it makes one."""
        scope = f"{A}/config/{kind}/grp_of_nobody"
        assert ok(root.put(scope, json={"overrides": {}, "priority": 0}))["config"]["_id"]
        ok(root.delete(scope))


class TestTable:
    def test_is_what_the_panel_asks_for(self, root: UserClient, role: str) -> None:
        grant = {"principalType": "role", "principalId": role, "capability": "read:groups"}
        ok(root.post(f"{A}/grants", json=grant))
        ok(root.delete(f"{A}/grants/role/{role}/read%3Agroups"))
        asked = [
            *(("category", "grant"), ("action", "grant.assigned"), ("action", "grant.removed")),
            *(("from", "2026-01-01T00:00:00.000Z"), ("to", "2100-01-01T01:59:59.999+02:00")),
            *(("targetType", "role"), ("targetQuery", role), ("capability", "read:groups"), ("search", role)),
        ]
        answer = root.get(f"{A}/audit-log/export.csv", params=asked, headers={"Accept": "text/csv"})
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [row["Action"] for row in rows] == ["grant.removed", "grant.assigned"]
        page = ok(root.get(f"{A}/audit-log", params=[*asked, ("limit", "50"), ("offset", "0")]))
        assert (page["total"], page["nextCursor"]) == (2, None)
        # Its reader is strict: an entry with anything else is none.
        entry = page["entries"][0]
        assert entry["actor"].keys() <= {"type", "id", "name"}
        assert entry["target"] == {"type": "role", "id": role, "name": role}
        assert entry["integrity"].keys() == {"seq", "hash", "prevHash"}
        assert entry["schemaVersion"] == 1
