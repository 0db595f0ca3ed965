"""LibreChat's variables in prompts, and what headers say of a request."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from echo.chat.variables import Variables, zone_of
from echo.settings import ProviderSettings
from echo.settings.endpoints import HeaderTemplate
from tests.chat.conftest import Chat
from tests.support.providers import Reply
from tests.support.waiting import until

NEW_YEAR = datetime(2026, 12, 31, 23, 30, 5, 678_000, tzinfo=UTC)


def fill(text: str | None, timezone: str | None = "UTC", name: Any = "Ada", now: datetime = NEW_YEAR) -> Any:
    return Variables(lambda: {"name": name}, lambda: now).prompt(text, timezone)


class TestPrompt:
    @pytest.mark.parametrize(
        ("text", "zone", "expected"),
        [
            ("{{current_date}}", "UTC", "2026-12-31 (Thursday)"),
            ("{{current_date}}", "Europe/Vienna", "2027-01-01 (Friday)"),
            ("{{current_datetime}}", "UTC", "2026-12-31 23:30:05 +00:00 (Thursday)"),
            ("{{current_datetime}}", "Asia/Kolkata", "2027-01-01 05:00:05 +05:30 (Friday)"),
            ("{{current_datetime}}", "America/New_York", "2026-12-31 18:30:05 -05:00 (Thursday)"),
            ("{{iso_datetime}}", "Asia/Tokyo", "2026-12-31T23:30:05.678Z"),
            ("{{current_user}}", None, "Ada"),
            ("{{CURRENT_User}}, {{current_user}}", None, "Ada, Ada"),
            ("{{Current_Date}}|{{ISO_DATETIME}}", "UTC", "2026-12-31 (Thursday)|2026-12-31T23:30:05.678Z"),
        ],
    )
    def test_is_filled_in(self, text: str, zone: str | None, expected: str) -> None:
        assert fill(f"a {text} b", zone) == f"a {expected} b"

    @pytest.mark.parametrize(
        "text",
        [
            *("", None, "plain", "{{other}}", "{{ current_date }}", "{current_date}", "{{current_dates}}"),
            *("{{name:a|b}}", "${JWT_SECRET}", "{{LIBRECHAT_USER_EMAIL}}"),
        ],
    )
    def test_leaves_everything_else(self, text: str | None) -> None:
        assert fill(text) == text

    def test_fills_in_once(self) -> None:
        assert fill("{{current_user}}", name="{{iso_datetime}}") == "{{iso_datetime}}"

    @pytest.mark.parametrize("name", ["", None, 5])
    def test_leaves_the_user_without_a_name(self, name: Any) -> None:
        assert fill("Hi {{current_user}}", name=name) == "Hi {{current_user}}"

    def test_reads_the_user_only_for_that(self) -> None:
        def never() -> Any:
            raise AssertionError

        assert Variables(never, lambda: NEW_YEAR).prompt("{{current_date}}", "UTC") == "2026-12-31 (Thursday)"

    @pytest.mark.parametrize(
        "zone",
        [
            *(
                "",
                "Nowhere",
                "Europe",
                "Europe/../../etc/passwd",
                "/etc/localtime",
                "../zoneinfo/UTC",
                "a" * 500,
            ),
            *("Europe/Vienna\x00", "\uff25urope/Vienna", "posixrules/", "."),
        ],
    )
    def test_a_zone_that_is_none_is_the_servers(self, zone: str) -> None:
        assert zone_of(zone) is None
        local = NEW_YEAR.astimezone()
        assert fill("{{current_date}}", zone).startswith(f"{local:%Y-%m-%d}")


class TestHeaders:
    def test_are_filled_in_for_who_names_the_user_only(self) -> None:
        asked: list[str] = []

        def find() -> dict[str, str]:
            asked.append("user")
            return {"_id": "5", "name": "Ada"}

        plain = ProviderSettings(name="x", type="openai", models=())
        personal = replace(
            plain, personal_headers={"X-User": HeaderTemplate(("", ""), ("LIBRECHAT_USER_ID",))}
        )
        variables = Variables(find, lambda: NEW_YEAR)
        assert (variables.headers(plain, conversationId="c"), asked) == ({}, [])
        made = variables.headers(personal, conversationId="c", messageId=None)
        assert made == variables.placeholders(conversationId="c", messageId=None)
        assert {name: value for name, value in made.items() if value} == {
            "LIBRECHAT_USER_ID": "5",
            "LIBRECHAT_USER_NAME": "Ada",
            "LIBRECHAT_BODY_CONVERSATIONID": "c",
        }
        assert asked == ["user"]

    def test_are_filled_in_of_a_user_that_was_read_before(self) -> None:
        found = iter([{"_id": "5", "name": "Ada"}])
        variables = Variables(lambda: next(found))
        variables.read_user()
        assert list(found) == []
        assert variables.placeholders()["LIBRECHAT_USER_NAME"] == "Ada"
        assert variables.prompt("{{current_user}}") == "Ada"

    def test_of_now_are_of_the_time_in_utc(self) -> None:
        before = datetime.now(UTC) - timedelta(milliseconds=1)
        made = datetime.fromisoformat(str(Variables(dict).prompt("{{iso_datetime}}")))
        assert before < made <= datetime.now(UTC)


YAML = """
version: 1.3.5
endpoints:
  openAI:
    headers:
      X-User: "id={{LIBRECHAT_USER_ID}}"
      X-Name: "{{LIBRECHAT_USER_NAME}}"
      X-Where: "{{LIBRECHAT_BODY_CONVERSATIONID}} {{LIBRECHAT_BODY_PARENTMESSAGEID}} {{LIBRECHAT_BODY_MESSAGEID}}"
  custom:
    - name: OLLAMA
      apiKey: ollama
      baseURL: ADDRESS
      models: {default: [llama]}
modelSpecs:
  list:
    - name: diary
      label: D
      preset: {endpoint: openAI, model: gpt-4, promptPrefix: "{{current_date}}/{{current_user}}"}
    - {name: local, label: L, preset: {endpoint: Ollama, model: llama, promptPrefix: Be local.}}
"""
Make = Callable[..., Chat]


@pytest.fixture
def personal(chat: Callable[..., Chat], provided: Callable[..., Any], tmp_path: Path) -> Make:
    """A user before an Echo with headers that name the user, and a provider that is Ollama's too."""

    def make(titles: str = "false") -> Chat:
        path = tmp_path / "variables.yaml"
        path.write_text(YAML.replace("ADDRESS", provided(Reply(("local",))).url), encoding="utf-8")
        return chat(Reply(("yes",)), CONFIG_PATH=str(path), TITLE_CONVO=titles, ENDPOINTS="openAI,custom")

    return make


def system_of(talk: Chat) -> list[str]:
    return [each["content"] for each in talk.provider.chats[-1].json["messages"] if each["role"] == "system"]


class TestChat:
    def test_says_for_whom_and_where(self, personal: Make) -> None:
        talk = personal()
        user = talk.user.get("/api/user").json()
        first = talk.user.ask("Hello")[-1].data
        headers = talk.provider.chats[-1].headers
        conversation_id = first["conversation"]["conversationId"]
        root = "00000000-0000-0000-0000-000000000000"
        assert headers["x-user"] == f"id={user['id']}"
        assert headers["x-name"] == user["name"]
        assert headers["x-where"] == f"{conversation_id} {root} {first['responseMessage']['messageId']}"
        second = talk.user.ask("And?", conversationId=conversation_id)[-1].data
        parent, answer = first["responseMessage"]["messageId"], second["responseMessage"]["messageId"]
        assert talk.provider.chats[-1].headers["x-where"] == f"{conversation_id} {parent} {answer}"

    def test_fills_in_the_prompts_of_specs(self, personal: Make) -> None:
        talk = personal()
        zone = "Pacific/Kiritimati"
        days = [datetime.now(UTC) + timedelta(hours=14)]
        events = talk.user.ask("Hello", spec="diary", timezone=zone)
        days.append(datetime.now(UTC) + timedelta(hours=14))
        name = talk.user.get("/api/user").json()["name"]
        assert system_of(talk) in [[f"{day:%Y-%m-%d (%A)}/{name}"] for day in days]
        assert "current_date" not in repr(events)

    def test_fills_in_presets_and_keeps_them_as_they_are(self, personal: Make) -> None:
        talk = personal()
        body = {"title": "p", "endpoint": "openAI", "promptPrefix": "I am {{current_user}}."}
        preset = talk.user.request("POST", "/api/presets", json=body).json()
        name = talk.user.get("/api/user").json()["name"]
        talk.user.ask("Hello", presetId=preset["presetId"])
        assert system_of(talk) == [f"I am {name}."]
        events = talk.user.ask("Hello", promptPrefix="You are {{current_user}}'s.")
        assert system_of(talk) == [f"You are {name}'s."]
        assert events[-1].data["conversation"]["promptPrefix"] == "You are {{current_user}}'s."

    def test_leaves_what_users_say_alone(self, personal: Make) -> None:
        talk = personal()
        text = "{{current_date}} {{LIBRECHAT_USER_EMAIL}}"
        talk.user.ask(text)
        assert talk.provider.chats[-1].json["messages"][-1]["content"] == text

    @pytest.mark.parametrize("zone", ["Nowhere/At_All", "../../etc/passwd", "", None])
    def test_takes_any_text_for_a_zone(self, personal: Make, zone: str | None) -> None:
        assert personal().user.ask("Hello", spec="diary", timezone=zone)[-1].data["final"]


class TestCompletions:
    def test_say_for_whom_and_fill_in_stored_prompts(self, personal: Make) -> None:
        talk = personal()
        user = talk.user.get("/api/user").json()
        events = talk.user.ask("Hello", promptPrefix="You are {{current_user}}'s.")
        conversation_id = events[-1].data["conversation"]["conversationId"]
        body = {"model": "openAI/gpt-4", "messages": [{"role": "user", "content": "{{current_user}}"}]}
        for more in ({}, {"conversation_id": conversation_id}):
            answer = talk.user.request("POST", "/v1/chat/completions", json={**body, **more})
            assert answer.ok, answer.text
        bare, kept = talk.provider.chats[-2:]
        assert [each.headers["x-user"] for each in (bare, kept)] == [f"id={user['id']}"] * 2
        assert "x-where" not in bare.headers
        assert kept.headers["x-where"] == conversation_id
        assert kept.json["messages"][0] == {"role": "system", "content": f"You are {user['name']}'s."}
        assert kept.json["messages"][-1]["content"] == "{{current_user}}"

    def test_ask_for_a_title_with_the_same_headers_and_so_does_who_asks_for_one(self, personal: Make) -> None:
        talk = personal(titles="true")
        user = talk.user.get("/api/user").json()
        body = {"model": "openAI/gpt-4", "messages": [{"role": "user", "content": "Hello"}], "store": True}
        answer = talk.user.request("POST", "/v1/chat/completions", json=body).json()
        assert until(lambda: len(talk.provider.chats) == 2)
        named = {"conversationId": answer["conversation_id"]}
        talk.user.request("POST", "/api/convos/gen_title", json=named)
        titles = talk.provider.chats[1:]
        assert len(titles) == 2
        for each in titles:
            assert each.json["messages"][0]["content"].startswith("Write a title")
            assert (each.headers["x-user"], each.headers["x-name"]) == (f"id={user['id']}", user["name"])


class TestOllama:
    """LibreChat has this one name in lower case wherever it compares it."""

    @pytest.mark.parametrize("endpoint", ["ollama", "Ollama", "OLLAMA"])
    def test_is_found_however_it_is_written(self, personal: Make, endpoint: str) -> None:
        talk = personal()
        events = talk.user.ask("Hello", endpoint=endpoint, spec="local")
        assert events[-1].data["responseMessage"]["endpoint"] == "ollama"
        assert events[-1].data["conversation"]["model"] == "llama"

    def test_is_told_to_clients_as_it_is_stored(self, personal: Make) -> None:
        specs = personal().user.get("/api/config").json()["modelSpecs"]["list"]
        assert {each["name"]: each["preset"]["endpoint"] for each in specs} == {
            "diary": "openAI",
            "local": "ollama",
        }
