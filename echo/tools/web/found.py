"""What a search has found: texts and addresses of strangers, each bounded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yarl import URL

Json = dict[str, Any]
MAX_SOURCES, MAX_STORIES, MAX_PICTURES = 8, 5, 10
MAX_TITLE, MAX_SNIPPET, MAX_LINK = 300, 2000, 2048


@dataclass
class Found:
    """LibreChat's lists of a search: each entry has LibreChat's fields."""

    organic: list[Json] = field(default_factory=list)
    topStories: list[Json] = field(default_factory=list)  # noqa: N815 - LibreChat's name
    images: list[Json] = field(default_factory=list)
    videos: list[Json] = field(default_factory=list)
    relatedSearches: list[Json] = field(default_factory=list)  # noqa: N815
    answerBox: Json | None = None  # noqa: N815


def link(value: Any) -> str | None:
    """An address of http or https that a client may show as a link."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_LINK:
        return None
    try:
        url = URL(value)
    except ValueError:
        return None
    return value if url.scheme in ("http", "https") and url.raw_host else None


def text(value: Any, most: int = MAX_SNIPPET) -> str:
    """A text of at most so many characters, "" for anything else."""
    return " ".join(value[: 2 * most].split())[:most] if isinstance(value, str) else ""


def objects(value: Any, name: str) -> list[Json]:
    """The objects in a list of an answer."""
    listed = value.get(name) if isinstance(value, Mapping) else None
    return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []


def _date(said: Json) -> str:
    return text(said.get("date") or said.get("publishedDate") or said.get("published_date"), 100)


def source(position: int, said: Json, snippet: str) -> Json | None:
    """A page, as LibreChat has it; None for one without an address."""
    address = link(said.get("link") or said.get("url"))
    if address is None:
        return None
    made = {
        "position": position,
        "title": text(said.get("title"), MAX_TITLE),
        "link": address,
        "snippet": text(said.get(snippet)),
        "attribution": URL(address).host or "",
    }
    return {**made, "date": date} if (date := _date(said)) else made


def story(said: Json) -> Json | None:
    """A news item, or a video."""
    address = link(said.get("link") or said.get("url"))
    if address is None:
        return None
    made = {
        "title": text(said.get("title"), MAX_TITLE),
        "link": address,
        "source": text(said.get("source"), 100) or URL(address).host or "",
        "date": _date(said),
        "snippet": text(said.get("snippet") or said.get("content")),
    }
    picture = link(said.get("imageUrl") or said.get("img_src"))
    return {**made, "imageUrl": picture} if picture else made


def picture(said: Json | str) -> Json | None:
    """A picture by its address."""
    fields: Json = {"imageUrl": said} if isinstance(said, str) else said
    address = link(fields.get("imageUrl") or fields.get("img_src") or fields.get("url"))
    if address is None:
        return None
    page = link(fields.get("link") or (fields.get("url") if "img_src" in fields else None))
    title = text(fields.get("title") or fields.get("description"), MAX_TITLE)
    return {"title": title, "imageUrl": address, **({"link": page} if page else {})}


def kept(entries: list[Json | None] | list[Json], most: int) -> list[Json]:
    """The entries that are any, each address once."""
    seen: dict[str, Json] = {}
    for each in entries:
        if each is not None:
            seen.setdefault(str(each.get("link") or each.get("imageUrl")), each)
    return list(seen.values())[:most]
