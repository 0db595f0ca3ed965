import csv
import io
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pymongo.database import Database as MongoDatabase

from tests.conftest import UserClient
from tests.handlers.librechat.admin.conftest import A

Stored = MongoDatabase[dict[str, Any]]


@pytest.fixture
def entries(root: UserClient, stored: Stored) -> Iterator[str]:
    """Three entries about a role whose name begins like a formula; its name."""
    name = f"=STAFF-{secrets.token_hex(8)}"
    stored.roles.insert_one({"name": name, "description": "", "permissions": {}})
    for capability in ("read:users", "read:groups"):
        body = {"principalType": "role", "principalId": name, "capability": capability}
        assert root.post(f"{A}/grants", json=body).status_code == 201
    path = f"{A}/roles/{name}"
    assert root.patch(path, json={"description": "x"}).status_code == 200
    yield name
    stored.roles.delete_one({"name": name})
    stored.systemgrants.delete_many({"principalId": name})


def listed(root: UserClient, **params: Any) -> Any:
    answer = root.get(f"{A}/audit-log", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestListAuditLog:
    def test_says_who_did_what_and_when(self, root: UserClient, entries: str) -> None:
        page = listed(root, targetQuery=entries, category="grant")
        newest = page["entries"][0]
        assert (page["total"], page["nextCursor"]) == (2, None)
        assert newest["actor"] == {"type": "user", "id": root.id, "name": "root"}
        assert newest["target"] == {"type": "role", "id": entries, "name": entries}
        assert newest["metadata"] == {"capability": "read:groups"}
        assert newest["context"]["ip"] == "127.0.0.1"
        assert newest["context"]["sessionId"] == root.session_id
        assert newest["timestamp"].startswith(datetime.now(UTC).date().isoformat()[:7])
        assert newest["integrity"]["prevHash"] == page["entries"][1]["integrity"]["hash"]

    @pytest.mark.parametrize(
        ("params", "count"),
        [
            ({"category": ["grant", "permission"]}, 3),
            ({"action": "role.updated"}, 1),
            ({"capability": "GROUPS"}, 1),
            ({"search": "read:users"}, 1),
            ({"outcome": "failure"}, 0),
            ({"severity": "warning", "actorType": "user", "targetType": "role"}, 3),
            ({"actorQuery": "root"}, 3),
            ({"actorQuery": "ro.t"}, 0),
            ({"from": "2020-01-01", "to": "2020-12-31"}, 0),
            ({"from": "2020-01-01T00:00:00Z"}, 3),
        ],
    )
    def test_filters(self, root: UserClient, entries: str, params: dict[str, Any], count: int) -> None:
        assert listed(root, targetQuery=entries, **params)["total"] == count

    def test_has_pages(self, root: UserClient, entries: str) -> None:
        every = listed(root, targetQuery=entries)["entries"]
        first = listed(root, targetQuery=entries, limit=2)
        assert first["entries"] == every[:2]
        assert first["nextCursor"] == every[1]["integrity"]["seq"]
        assert listed(root, targetQuery=entries, cursor=first["nextCursor"])["entries"] == every[2:]
        assert listed(root, targetQuery=entries, offset=1, limit=1)["entries"] == every[1:2]
        assert listed(root, category="grant", limit=1)["nextCursor"] is not None

    @pytest.mark.parametrize(
        "params", [{"from": "2025-02-31"}, {"from": "yesterday"}, {"limit": 501}, {"category": "x"}]
    )
    def test_refuses_what_means_nothing(self, root: UserClient, params: dict[str, Any]) -> None:
        assert root.get(f"{A}/audit-log", params=params).status_code == 400


class TestOneEntry:
    def test_is_found_by_its_id(self, root: UserClient, entries: str) -> None:
        entry = listed(root, targetQuery=entries)["entries"][0]
        assert root.get(f"{A}/audit-log/{entry['id']}").json() == {"entry": entry}
        assert root.get(f"{A}/audit-log/{'0' * 24}").status_code == 404


class TestExport:
    def test_is_a_table_without_formulas(self, root: UserClient, entries: str) -> None:
        answer = root.get(f"{A}/audit-log/export.csv", params={"targetQuery": entries})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"].startswith("attachment; filename")
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [row["Action"] for row in rows] == ["role.updated", "grant.assigned", "grant.assigned"]
        assert {row["Target"] for row in rows} == {f"'{entries}"}
        assert rows[1]["Capability"] == "read:groups"


class TestChain:
    def test_is_whole_until_somebody_changes_it(self, root: UserClient, entries: str, stored: Stored) -> None:
        found = root.get(f"{A}/audit-log/verify").json()
        assert found["ok"] is True
        assert found["range"] == {"firstSeq": 1, "lastSeq": found["checked"]}
        entry = stored.auditlogs.find_one({"target.id": entries}) or {}
        stored.auditlogs.update_one({"_id": entry["_id"]}, {"$set": {"actor.name": "nobody"}})
        broken = root.get(f"{A}/audit-log/verify").json()
        assert (broken["ok"], broken["brokenAt"], broken["reason"]) == (False, entry["seq"], "hash mismatch")
        stored.auditlogs.delete_one({"_id": entry["_id"]})
        gap = root.get(f"{A}/audit-log/verify").json()
        assert gap["reason"] == f"sequence gap: expected {entry['seq']}, found {entry['seq'] + 1}"
        stored.auditlogs.insert_one(entry)
        assert root.get(f"{A}/audit-log/verify").json()["ok"] is True
