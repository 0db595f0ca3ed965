from echo.providers.catalog import Catalog
from echo.settings import load_settings


def test_lists_every_provider_and_who_has_a_key() -> None:
    catalog = Catalog(load_settings({"GOOGLE_KEY": "x", "GOOGLE_MODELS": "a,b"}).providers)
    by_name = {endpoint.name: endpoint for endpoint in catalog.endpoints()}
    assert by_name["google"].available
    assert by_name["google"].models == ("a", "b")
    assert not by_name["openAI"].available
    assert catalog.models()["google"] == ["a", "b"]
    assert set(catalog.models()) == set(by_name)
