"""What a model is told of what was found, and what people are shown beside the answer."""

from collections.abc import Sequence
from typing import Any

from echo.indexing.results import Found, Results, Searched
from echo.settings.agents import FileSearchSettings

Json = dict[str, Any]
NOTHING = "Nothing in the files fits. They may be empty of that; other words may find more."
# Why a file was not searched, for the model to say.
_REASONS = {
    "waiting": "it is still being made ready, ask again in a minute",
    "broken": "it cannot be read",
    "locked": "it is locked by a password",
    "empty": "there is no text in it",
    "too_large": "it has too much text",
    "too_many": "its owner has too many files",
    "unsupported": "it is of a type without text",
    "missing": "this server does not read its type",
    "gone": "it is not there any more",
}
_OTHER = "it could not be searched"
MOST_NAMED = 20


def cited(results: Results, rules: FileSearchSettings) -> list[Found]:
    """Those that an answer may cite: relevant enough, and not too many, in all and of one file."""
    kept, counts = list[Found](), dict[str, int]()
    for each in results.found:
        count = counts.get(each.file.file_id, 0)
        relevant = each.relevance >= rules.least_relevance
        if relevant and count < rules.citations_per_file and len(kept) < rules.citations:
            kept.append(each)
            counts[each.file.file_id] = count + 1
    return kept


def told(results: Results, citable: Sequence[Found], turn: int) -> str:
    """What was found, for a model, in LibreChat's form.

    `turn` numbers the searches of an answer that have something to cite. LibreChat's client counts the files of each.
    """
    order = list(dict.fromkeys(each.file.file_id for each in citable))
    pieces = []
    for each in results.found:
        lines = [f"File: {one_line(each.file.name)}"]
        if each in citable:
            anchor = f"\\ue202turn{turn}file{order.index(each.file.file_id)}"
            lines.append(f"Anchor: {anchor} ({one_line(each.file.name)})")
        if each.page is not None:
            lines.append(f"Page: {each.page}")
        lines += [f"Relevance: {each.relevance:.4f}", f"Content: {each.text}", ""]
        pieces.append("\n".join(lines))
    text = "\n---\n".join(pieces) or NOTHING
    return "\n\n".join([text, *_not_searched(results.missing)])


def shown(citable: Sequence[Found], *, citations: bool) -> Json:
    """The attachment of a search, as LibreChat's client reads it."""
    return {
        "type": "file_search",
        "file_search": {"sources": [_source(each) for each in citable], "fileCitations": citations},
    }


def one_line(name: str) -> str:
    """A name that stays on its line."""
    return " ".join(name.split())


def _source(found: Found) -> Json:
    record, pages = found.file.record, [] if found.page is None else [found.page]
    about = {
        "storageType": record.get("source") or "local",
        "fileType": record.get("type"),
        "fileBytes": record.get("bytes"),
    }
    return {
        "type": "file",
        "fileId": found.file.file_id,
        "fileName": found.file.name,
        "content": found.text,
        "relevance": found.relevance,
        "pages": pages,
        "pageRelevance": {str(page): found.relevance for page in pages},
        "metadata": {name: value for name, value in about.items() if value is not None},
    }


def _not_searched(missing: Sequence[tuple[Searched, str]]) -> list[str]:
    lines = [
        f"Not searched: {one_line(file.name)}, because {_REASONS.get(reason, _OTHER)}."
        for file, reason in missing[:MOST_NAMED]
    ]
    more = len(missing) - MOST_NAMED
    return [*lines, *([f"Not searched: {more} more files."] if more > 0 else [])]
