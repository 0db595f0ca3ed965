"""LibreChat's built-in tools: what they ask, whose keys they use, and what comes of it."""

import asyncio
import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from echo.files import FileStore
from echo.settings.agents import AgentSettings
from echo.settings.tools import ToolSettings
from echo.tools.builtin.shelf import PictureShelf
from echo.tools.builtin.source import ADDRESSES, BUILTINS, BuiltinTools
from echo.tools.outbound import REFUSED, Outbound
from echo.tools.tool import Called, RunPlace, ToolFailure, ToolOutput, Wanted
from storage.core.database import Database
from storage.library.files import FileRepository
from tests.files import samples
from tests.support.chats import new_owner
from tests.support.database import PreparedDatabase
from tests.support.routes import Answer, Service

PNG = samples.picture("PNG", (2, 3))
PICTURE = {"data": [{"b64_json": base64.b64encode(PNG).decode()}]}
Tools = Callable[..., "Bench"]


class Bench:
    """A source of tools with these values of the operator's and of users."""

    def __init__(self, source: BuiltinTools) -> None:
        self._source = source

    def names(self, place: RunPlace, *names: str) -> list[str]:
        offer = asyncio.run(self._source.offer(Wanted(names), place))
        return [each.spec.name for each in offer.tools]

    def call(self, place: RunPlace, name: str, **arguments: Any) -> ToolOutput:
        async def call() -> ToolOutput:
            offer = await self._source.offer(Wanted((name,)), place)
            [tool] = [each for each in offer.tools if each.spec.name == name]
            return await tool.call(Called("call_1", arguments))

        return asyncio.run(call())

    def text(self, place: RunPlace, name: str, **arguments: Any) -> str:
        [part] = self.call(place, name, **arguments).content
        return str(part.text)  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def files(prepared_database: PreparedDatabase) -> Iterator[FileRepository]:
    database = Database(prepared_database.uri)
    yield FileRepository(database)
    database.close()
    prepared_database.clear()


@pytest.fixture
def tools(asked_service: Service, files: FileRepository, tmp_path: Path) -> Tools:
    def make(
        values: Mapping[str, str], users: Mapping[str, Mapping[str, str]] | None = None, **settings: Any
    ) -> Bench:
        def user_values(owner: str, names: Iterable[str]) -> dict[str, str]:
            own = (users or {}).get(owner, {})
            return {name: own[name] for name in names if name in own}

        outbound = Outbound(settings.pop("allowed", ()))
        source = BuiltinTools(
            ToolSettings(values=values, **settings),
            AgentSettings(),
            user_values,
            outbound,
            shelf=PictureShelf(FileStore(tmp_path, max_bytes=10**6, max_pixels=10**6), files),
            addresses={name: f"{asked_service.url}/{name}" for name in ADDRESSES},
        )
        return Bench(source)

    return make


class TestOffer:
    def test_has_the_tools_whose_keys_are_there(self, tools: Tools, place: RunPlace) -> None:
        some = tools({"GOOGLE_CSE_ID": "c", "TAVILY_API_KEY": "t"}, {place.owner: {"WOLFRAM_APP_ID": "w"}})
        wanted = (
            "calculator",
            "google",
            "tavily_search_results_json",
            "wolfram",
            "open_weather",
            "x",
            "calculator",
        )
        assert some.names(place, *wanted) == ["calculator", "tavily_search_results_json", "wolfram"]

    def test_has_no_tool_by_another_users_key(self, tools: Tools, place: RunPlace) -> None:
        assert tools({}, {new_owner(): {"WOLFRAM_APP_ID": "w"}}).names(place, "wolfram") == []

    def test_has_both_tools_of_the_kit(self, tools: Tools, place: RunPlace) -> None:
        some = tools({"IMAGE_GEN_OAI_API_KEY": "k"})
        assert some.names(place, "image_gen_oai") == ["image_gen_oai", "image_edit_oai"]

    def test_follows_the_operators_lists(self, tools: Tools, place: RunPlace) -> None:
        assert tools({}, filtered=("calculator",)).names(place, "calculator") == []
        assert tools({}, included=("google",)).names(place, "calculator") == []
        assert tools({}, included=("calculator",), filtered=("calculator",)).names(place, "calculator")

    def test_is_empty_without_the_capability(self, place: RunPlace) -> None:
        source = BuiltinTools(
            ToolSettings(),
            AgentSettings(capabilities=("actions",)),
            None,
            None,
            shelf=None,  # type: ignore[arg-type]
        )
        assert asyncio.run(source.offer(Wanted(("calculator",)), place)).tools == ()

    def test_describes_arguments_by_schemas(self) -> None:
        assert all(each.spec.parameters and each.spec.description for each in BUILTINS.values())


class TestSearches:
    def test_google(self, tools: Tools, place: RunPlace, asked_service: Service) -> None:
        asked_service.routes["/google"] = Answer({"items": [{"title": "A"}]})
        some = tools({"GOOGLE_CSE_ID": "c", "GOOGLE_SEARCH_API_KEY": "k"})
        assert some.text(place, "google", query="a & b") == '{"items":[{"title":"A"}]}'
        assert asked_service.asked[0].query == {"key": "k", "cx": "c", "q": "a & b", "num": "5"}

    def test_tavily_with_the_users_key(self, tools: Tools, place: RunPlace, asked_service: Service) -> None:
        asked_service.routes["/tavily_search_results_json"] = Answer({"results": []})
        some = tools({}, {place.owner: {"TAVILY_API_KEY": "tvly"}})
        given = {
            "query": "x",
            "include_answer": True,
            "days": 3,
            "api_key": "stolen",
            "include_domains": ["a.org"],
        }
        assert some.text(place, "tavily_search_results_json", **given) == '{"results":[]}'
        [asked] = asked_service.asked
        assert asked.headers["Authorization"] == "Bearer tvly"
        assert asked.json == {
            "query": "x",
            "max_results": 5,
            "search_depth": "basic",
            "topic": "general",
            "include_answer": True,
            "include_domains": ["a.org"],
            "days": 3,
        }

    def test_traversaal_and_wolfram(self, tools: Tools, place: RunPlace, asked_service: Service) -> None:
        found = {"data": {"response_text": "Yes.", "web_url": ["https://a.org", 1]}}
        asked_service.routes["/traversaal_search"] = Answer(found)
        asked_service.routes["/wolfram"] = Answer(b"not understood", 501, media_type="text/plain")
        some = tools({"TRAVERSAAL_API_KEY": "k", "WOLFRAM_APP_ID": "id"})
        assert some.text(place, "traversaal_search", query="q") == "Yes.\n\nSources:\n- https://a.org"
        assert some.text(place, "wolfram", input="2`+\n2") == "not understood"
        assert asked_service.asked[1].query == {"input": "2+ 2", "appid": "id"}

    def test_azure(self, tools: Tools, place: RunPlace, asked_service: Service) -> None:
        asked_service.routes["/indexes/docs-1/docs/search"] = Answer({"value": [{"text": "t"}]})
        some = tools(
            {
                "AZURE_AI_SEARCH_SERVICE_ENDPOINT": asked_service.url,
                "AZURE_AI_SEARCH_INDEX_NAME": "docs-1",
                "AZURE_AI_SEARCH_API_KEY": "k",
                "AZURE_AI_SEARCH_SEARCH_OPTION_TOP": "3",
            }
        )
        assert some.text(place, "azure-ai-search", query="q") == '[{"text":"t"}]'
        assert asked_service.asked[0].json == {"search": "q", "queryType": "simple", "top": 3}

    def test_the_operators_key_never_goes_to_an_address_of_a_users(
        self, tools: Tools, place: RunPlace, asked_service: Service
    ) -> None:
        operator = {"AZURE_AI_SEARCH_API_KEY": "secret", "AZURE_AI_SEARCH_INDEX_NAME": "docs"}
        own = {"AZURE_AI_SEARCH_SERVICE_ENDPOINT": asked_service.url}
        assert tools(operator, {place.owner: own}).names(place, "azure-ai-search") == []
        own |= {"AZURE_AI_SEARCH_API_KEY": "mine", "AZURE_AI_SEARCH_INDEX_NAME": "own"}
        with pytest.raises(ToolFailure, match=REFUSED):
            tools(operator, {place.owner: own}).call(place, "azure-ai-search", query="q")
        asked_service.routes["/indexes/own/docs/search"] = Answer({"value": []})
        some = tools(operator, {place.owner: own}, allowed=(asked_service.host,))
        assert some.text(place, "azure-ai-search", query="q") == "[]"
        assert [each.headers["api-key"] for each in asked_service.asked] == ["mine"]

    def test_a_user_cannot_say_where_the_operators_key_goes(
        self, tools: Tools, place: RunPlace, asked_service: Service
    ) -> None:
        asked_service.routes["/image_gen_oai/images/generations"] = Answer(PICTURE)
        own = {"IMAGE_GEN_OAI_BASEURL": "https://evil.example.org/v1"}
        tools({"IMAGE_GEN_OAI_API_KEY": "k"}, {place.owner: own}).call(place, "image_gen_oai", prompt="a cat")
        assert len(asked_service.asked) == 1


class TestWeather:
    def test_of_a_city(self, tools: Tools, place: RunPlace, asked_service: Service) -> None:
        asked_service.routes["/open_weather/geo/1.0/direct"] = Answer([{"lat": 52.5, "lon": 13.4}])
        asked_service.routes["/open_weather/data/3.0/onecall"] = Answer(
            {"current": {"temp": 7.6, "uvi": 0.5}}
        )
        some = tools({"OPENWEATHER_API_KEY": "k"})
        assert some.text(place, "open_weather", action="current_forecast", city="Berlin") == (
            '{"current":{"temp":8,"uvi":0.5}}'
        )
        assert asked_service.asked[1].query == {"appid": "k", "units": "metric", "lat": "52.5", "lon": "13.4"}

    def test_of_a_day(self, tools: Tools, place: RunPlace, asked_service: Service) -> None:
        asked_service.routes["/open_weather/data/3.0/onecall/timemachine"] = Answer({})
        some = tools({"OPENWEATHER_API_KEY": "k"})
        some.call(place, "open_weather", action="timestamp", lat=1, lon=2, date="2020-03-04")
        assert asked_service.asked[0].query["dt"] == "1583280000"
        with pytest.raises(ToolFailure, match="YYYY-MM-DD"):
            some.call(place, "open_weather", action="daily_aggregation", lat=1, lon=2)


class TestPictures:
    def test_are_files_of_the_user_who_runs_it(
        self, tools: Tools, place: RunPlace, asked_service: Service, files: FileRepository
    ) -> None:
        asked_service.routes["/image_gen_oai/images/generations"] = Answer(PICTURE)
        output = tools({"IMAGE_GEN_OAI_API_KEY": "k"}).call(
            place, "image_gen_oai", prompt='a "cat"\n{{x}} ${Y}'
        )
        assert asked_service.asked[0].json["prompt"] == "a cat {{x}} ${Y}"
        [attachment] = output.attachments
        record = files.get(place.owner, attachment["file_id"])
        assert {
            name: attachment[name] for name in ("type", "width", "height", "bytes", "context", "filepath")
        } == {
            "type": "image/png",
            "width": 2,
            "height": 3,
            "bytes": len(PNG),
            "context": "image_generation",
            "filepath": f"/images/{place.owner}/{attachment['file_id']}__image_gen_oai.png",
        }
        assert (record["conversationId"], record["messageId"]) == (place.conversation_id, place.answer_id)
        assert "user" not in attachment
        assert attachment["file_id"] in str(output.content[0])

    def test_are_changed_only_if_they_are_the_users(
        self, tools: Tools, place: RunPlace, asked_service: Service
    ) -> None:
        asked_service.routes["/image_gen_oai/images/generations"] = Answer(PICTURE)
        asked_service.routes["/image_gen_oai/images/edits"] = Answer(PICTURE)
        some = tools({"IMAGE_GEN_OAI_API_KEY": "k"})
        [made] = some.call(place, "image_gen_oai", prompt="a cat").attachments
        edit = {"prompt": "a hat", "image_ids": [made["file_id"]]}
        assert some.call(place, "image_edit_oai", **edit).attachments
        assert PNG in asked_service.asked[1].body
        with pytest.raises(ToolFailure, match="no picture with the id"):
            some.call(RunPlace(new_owner(), "c", "a"), "image_edit_oai", **edit)
        assert len(asked_service.asked) == 2

    @pytest.mark.parametrize(
        "answer", [{"data": [{"b64_json": "bm8="}]}, {"data": [{"b64_json": "%"}]}, {"data": []}, 1]
    )
    def test_that_are_none_are_not_kept(
        self, answer: Any, tools: Tools, place: RunPlace, asked_service: Service
    ) -> None:
        asked_service.routes["/dalle/images/generations"] = Answer(answer)
        with pytest.raises(ToolFailure):
            tools({"DALLE_API_KEY": "k"}).call(place, "dalle", prompt="a cat")

    def test_of_flux_are_fetched_from_public_addresses_alone(
        self, tools: Tools, place: RunPlace, asked_service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("echo.tools.builtin.other_pictures.POLL_SECONDS", 0)
        answers = iter(
            [
                {"status": "Pending"},
                *[{"status": "Ready", "result": {"sample": f"{asked_service.url}/p"}}] * 2,
            ]
        )
        asked_service.routes["/flux/v1/flux-pro"] = Answer({"id": "t"})
        asked_service.routes["/flux/v1/get_result"] = lambda _: Answer(next(answers))
        asked_service.routes["/p"] = Answer(PNG)
        with pytest.raises(ToolFailure, match=REFUSED):
            tools({"FLUX_API_KEY": "k"}).call(place, "flux", prompt="a cat")
        some = tools({"FLUX_API_KEY": "k"}, allowed=(asked_service.host,))
        assert some.call(place, "flux", prompt="a cat").attachments
        assert "X-Key" not in {name.title() for name in asked_service.asked[-1].headers}

    def test_of_others(self, tools: Tools, place: RunPlace, asked_service: Service) -> None:
        encoded = PICTURE["data"][0]["b64_json"]
        asked_service.routes["/sdapi/v1/txt2img"] = Answer({"images": [encoded]})
        parts = [{"text": "Here."}, {"inlineData": {"mimeType": "image/png", "data": encoded}}]
        asked_service.routes["/gemini_image_gen/v1beta/models/gemini-2.5-flash-image:generateContent"] = (
            Answer({"candidates": [{"content": {"parts": parts}}]})
        )
        some = tools({"SD_WEBUI_URL": asked_service.url, "GOOGLE_KEY": "g"})
        assert some.call(place, "stable-diffusion", prompt="cat", negative_prompt="dog").attachments
        assert some.call(
            place, "gemini_image_gen", prompt="cat", aspectRatio="16:9", imageSize="4K"
        ).attachments
        sent = asked_service.asked[-1]
        assert sent.json["generationConfig"]["imageConfig"] == {"aspectRatio": "16:9"}
        assert sent.headers["x-goog-api-key"] == "g"
