"""What of links no operation shows; the rest is in `tests/handlers/librechat/test_shares.py`."""

from types import SimpleNamespace
from typing import Any

import pytest

from echo.conversations.links import Links, Reach, anonymous_for
from storage.core.stop import Stop


def links(shares: Any = None, store: Any = None) -> Links:
    nothing: Any = None
    shares = shares or SimpleNamespace(shared=None)
    return Links(nothing, shares, nothing, store, Reach(readable=True, by_anyone=True))


def test_a_list_that_nobody_waits_for_is_ended() -> None:
    asked: list[Any] = []
    shares = SimpleNamespace(shared=None, list_page=lambda *given, **named: asked.append((given, named)))
    stop = Stop(1)
    links(shares).list_page("ada", stop=stop, limit=5)
    assert asked == [(("ada",), {"stop": stop, "limit": 5})]


class TestBody:
    @pytest.mark.parametrize(
        ("record", "inline", "shown"),
        [
            ({"type": "image/png", "filename": "a.png"}, True, ("image/png", "a.png", True)),
            ({"type": "image/png", "filename": "a.png"}, False, ("image/png", "a.png", False)),
            # What a browser would run stays outside of the page.
            (
                {"type": "text/html", "filename": "a.html"},
                True,
                ("text/plain; charset=utf-8", "a.html", False),
            ),
            ({"type": "application/pdf", "filename": "a.pdf"}, True, ("application/pdf", "a.pdf", False)),
            ({"type": "image/png"}, True, ("image/png", "file", True)),
        ],
    )
    def test_is_shown_in_its_place_only_where_it_is_a_picture(
        self, record: dict[str, Any], inline: bool, shown: tuple[str, str, bool]
    ) -> None:
        store = SimpleNamespace(find=lambda found: ("place", found))
        body = links(store=store).body(record, inline=inline)
        assert (body.content_type, body.filename, body.inline) == shown
        assert body.path == ("place", record)  # type: ignore[comparison-overlap]


class TestAnonymous:
    @staticmethod
    def shown(link: dict[str, Any], **served: bool) -> Any:
        reading = anonymous_for({"shareId": "abc", **link}, [{"file_id": "f"}], **served)
        return reading.message({"files": [{"file_id": "f"}]})["files"]

    def test_files_are_read_by_the_link(self) -> None:
        shown = [{"file_id": "f", "filepath": "/api/share/abc/files/f"}]
        assert self.shown({}) == self.shown({"snapshotFiles": True}) == shown

    def test_files_are_hidden_where_link_or_server_hide_them(self) -> None:
        assert self.shown({"snapshotFiles": False}) is None
        assert self.shown({}, serves_files=False) is None
