"""Keys that LibreChat stored go on working: those of providers, and those of programs."""

from collections.abc import Callable

from tests.conftest import Client

# As LibreChat showed it when it was made; the database has its hash.
API_KEY = "sk-be283ce4ec3db874a9ff7487e5b4d633b6455614fe0b4fcf86651043d416c8f9"


def test_an_api_key_opens_v1_for_its_owner(log_in: Callable[[str], Client]) -> None:
    ada, bob = log_in("ada"), log_in("bob")
    (shown,) = ada.get("/api/api-keys").json()["keys"]
    assert (shown["name"], shown["keyPrefix"]) == ("k1", API_KEY[:8])
    # Users have no REMOTE_AGENTS in LibreChat's database, so that nothing of hers is for him.
    assert bob.get("/api/api-keys").json()["code"] == "insufficient_permissions"
    program = {"Authorization": f"Bearer {API_KEY}"}
    assert ada.get("/v1/models", headers=program).status_code == 200
    assert "lastUsedAt" in ada.get("/api/api-keys").json()["keys"][0]
    assert ada.delete(f"/api/api-keys/{shown['id']}").status_code == 204
    assert ada.get("/v1/models", headers=program).status_code == 401


def test_a_provider_key_is_its_owners(log_in: Callable[[str], Client]) -> None:
    ada, bob = log_in("ada"), log_in("bob")
    assert ada.get("/api/keys", params={"name": "Fake"}).json() == {"expiresAt": "never"}
    assert bob.get("/api/keys", params={"name": "Fake"}).json() == {"expiresAt": None}
