"""What operators set for tools: LibreChat's variables, `webSearch`, `actions` and the lists of tools."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from echo.settings import Settings, load_settings
from echo.settings.reader import SettingsError

Load = Callable[..., Settings]


@pytest.fixture
def written(tmp_path: Path) -> Load:
    def load(text: str, **environ: str) -> Settings:
        file = tmp_path / "librechat.yaml"
        file.write_text(f"version: 1.3.5\n{text}")
        return load_settings(environ, config_file=file)

    return load


def test_keys_are_the_operators_unless_users_bring_them() -> None:
    tools = load_settings({"GOOGLE_CSE_ID": "c", "TAVILY_API_KEY": "user_provided", "GOOGLE_KEY": "g"}).tools
    assert tools.values == {"GOOGLE_CSE_ID": "c", "GOOGLE_KEY": "g"}
    assert "'c'" not in repr(tools)


def test_lists_choose_among_built_in_tools(written: Load) -> None:
    tools = written("includedTools: [google]\nfilteredTools: [google]\n").tools
    assert (tools.has("google"), tools.has("dalle")) == (True, False)
    assert not written("filteredTools: [dalle]\n").tools.has("dalle")


def test_web_search_names_variables(written: Load) -> None:
    text = """
webSearch:
  serperApiKey: ${MY_SERPER}
  jinaApiKey: sk-written-out
  searchProvider: serper
  rerankerType: none
  safeSearch: 2
  scraperTimeout: 3000
  tavilySearchOptions: {searchDepth: fast, includeAnswer: basic}
  allowedAddresses: ["10.0.0.1:8080"]
"""
    settings = written(text, MY_SERPER="s", SERPER_API_KEY="other", JINA_API_KEY="user_provided")
    search = settings.tools.search
    assert (search.names["serperApiKey"], search.names["jinaApiKey"]) == ("MY_SERPER", "JINA_API_KEY")
    assert search.values == {"MY_SERPER": "s"}
    assert (search.provider, search.scraper, search.reranker, search.safe_search) == (
        "serper",
        None,
        "none",
        2,
    )
    assert (search.scraper_seconds, search.addresses) == (3.0, ("10.0.0.1:8080",))
    assert search.tavily_search == {"searchDepth": "fast", "includeAnswer": "basic"}
    [notice] = [each for each in settings.notices if "jinaApiKey" in each]
    assert "must name a variable" in notice
    assert "sk-written-out" not in notice


def test_tavilys_addresses_are_users_only_where_the_operator_says_so() -> None:
    assert "tavilySearchUrl" not in load_settings({}).tools.search.user_addresses
    opened = load_settings({"TAVILY_SEARCH_URL": "user_provided"}).tools.search.user_addresses
    assert "tavilySearchUrl" in opened


@pytest.mark.parametrize(
    "text",
    [
        "webSearch: {serperApiKey: '${JWT_SECRET}'}",
        "webSearch: {searchProvider: bing}",
        "webSearch: {safeSearch: 3}",
        "webSearch: {allowedAddresses: ['10.0.0.1']}",
        "actions: {allowedAddresses: ['http://10.0.0.1']}",
    ],
)
def test_what_is_wrong_stops_the_start(text: str, written: Load) -> None:
    with pytest.raises(SettingsError):
        written(text)


def test_actions_may_ask_what_is_listed(written: Load) -> None:
    text = "actions: {allowedDomains: [' API.example.com '], allowedAddresses: ['10.0.0.1:80']}"
    rules = written(text).tools.actions
    assert (rules.domains, rules.addresses) == (("api.example.com",), ("10.0.0.1:80",))
    assert written("actions: {allowedDomains: []}").tools.actions.domains is None


class TestSigningForTheCodeInterpreter:
    URL: ClassVar = {"LIBRECHAT_CODE_BASEURL": "https://code.example", "CODEAPI_JWT_ENABLED": "true"}

    def pem(self, private: bool = True) -> str:
        key = Ed25519PrivateKey.generate()
        if not private:
            return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @pytest.mark.parametrize("form", ["plain", "one line", "base64", "jwk"])
    def test_takes_a_key_in_any_of_librechats_forms(self, form: str) -> None:
        pem = self.pem()
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
        named = {
            "plain": {"CODEAPI_JWT_PRIVATE_KEY": pem},
            "one line": {"CODEAPI_JWT_PRIVATE_KEY": pem.replace("\n", "\\n")},
            "base64": {"CODEAPI_JWT_PRIVATE_KEY_BASE64": base64.b64encode(pem.encode()).decode()},
            "jwk": {
                "CODEAPI_JWT_PRIVATE_JWK_JSON": json.dumps(
                    {**jwk, "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"}
                )
            },
        }[form]
        code = load_settings({**self.URL, **named, "CODEAPI_JWT_TTL_SECONDS": "9000"}).tools.code
        assert code is not None
        assert code.signing is not None
        assert len(code.signing.key.sign(b"x")) == 64
        about = (code.signing.key_id, code.signing.seconds, code.signing.tenant)
        assert about == ("lc-codeapi-2026-05", 300, "legacy")

    @pytest.mark.parametrize(
        ("key", "algorithm", "why"),
        [
            ("", "EdDSA", "need a key"),
            ("not one", "EdDSA", "cannot be read, or is not one of EdDSA"),
            ("public", "EdDSA", "cannot be read"),
            ("private", "RS256", "is not one of RS256"),
        ],
    )
    def test_stops_the_start_without_a_usable_one(self, key: str, algorithm: str, why: str) -> None:
        said = self.pem(private=key == "private") if key in ("public", "private") else key
        environ = {**self.URL, "CODEAPI_JWT_PRIVATE_KEY": said, "CODEAPI_JWT_ALGORITHM": algorithm}
        with pytest.raises(SettingsError, match=why):
            load_settings(environ)
