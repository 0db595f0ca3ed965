"""What the moderation service is asked, and what its answers mean."""

import asyncio
from typing import Any

import pytest
import structlog

from echo.errors import ApiError, ServiceUnavailable, Unprocessable
from echo.observation import metrics
from echo.providers.moderation import Moderation, is_flagged
from echo.settings import ModerationSettings
from tests.support.providers import Answer, ProviderServer, json_answer
from tests.support.providers.asking import LIMITS
from tests.support.providers.server import serving

FINE = json_answer({"results": [{"flagged": False}]})
BAD = json_answer({"results": [{"flagged": False}, {"flagged": True}]})


def check(*texts: str, answer: Answer = FINE, key: str = "sk-m") -> ProviderServer:
    """What the service has received; raises as the check does."""

    async def run() -> None:
        moderation = Moderation(ModerationSettings(server.url, key), LIMITS)
        assert moderation.enabled is True
        try:
            await moderation.check(*texts)
        finally:
            await moderation.close()

    with serving(lambda _: answer) as server:
        asyncio.run(run())
    return server


class TestAsking:
    def test_sends_one_text_as_itself_and_several_as_a_list(self) -> None:
        assert check("a").requests[0].json == {"input": "a"}
        assert check("a", "", " \n", "b").requests[0].json == {"input": ["a", "b"]}
        assert check("", "b ").requests[0].json == {"input": "b "}

    def test_sends_the_key_where_there_is_one(self) -> None:
        headers = check("a").requests[0].headers
        assert (headers["authorization"], headers["content-type"]) == ("Bearer sk-m", "application/json")
        assert "authorization" not in check("a", key="").requests[0].headers

    def test_is_left_where_there_is_no_text(self) -> None:
        assert check("", " ").requests == []
        assert check().requests == []

    def test_is_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[Any] = []
        monkeypatch.setattr(
            metrics, "observe_provider", lambda name, _, outcome, call: told.append((name, call, outcome))
        )
        check("a")
        assert told == [("moderation", "moderation", "ok")]

    def test_is_not_done_without_a_service(self) -> None:
        moderation = Moderation(None, LIMITS)
        asyncio.run(moderation.check("a"))
        assert moderation.enabled is False


class TestVerdict:
    def test_of_a_flagged_text_is_a_refusal(self) -> None:
        with pytest.raises(Unprocessable) as refused:
            check("a", answer=BAD)
        assert (refused.value.status, refused.value.code, refused.value.message) == (
            422,
            "message_flagged",
            "The message was flagged by the moderation service, so it was not sent.",
        )

    @pytest.mark.parametrize(
        ("answer", "cause"),
        [
            (json_answer({}), "no_results"),
            (json_answer({"results": [{}]}), "no_verdict"),
            (json_answer({}, 401), "provider_refused_key status_401"),
        ],
    )
    def test_that_is_none_lets_nothing_pass(self, answer: Answer, cause: str) -> None:
        with structlog.testing.capture_logs() as logged, pytest.raises(ServiceUnavailable) as refused:
            check("canary", answer=answer)
        assert (refused.value.status, refused.value.code, refused.value.message) == (
            503,
            "moderation_unavailable",
            "The message could not be checked, so it was not sent; try again later.",
        )
        [line] = [line for line in logged if line["event"].startswith("a text could not be checked")]
        assert line["cause"] == cause
        assert "canary" not in repr(logged)

    def test_is_waited_for_where_the_service_fails_for_a_moment(self) -> None:
        answers = [json_answer({}, 500), BAD]

        async def run() -> None:
            moderation = Moderation(ModerationSettings(server.url, ""), LIMITS)
            try:
                await moderation.check("a")
            finally:
                await moderation.close()

        with serving(lambda _: answers.pop(0)) as server, pytest.raises(ApiError) as refused:
            asyncio.run(run())
        assert (refused.value.code, answers) == ("message_flagged", [])


@pytest.mark.parametrize(
    ("results", "flagged"),
    [
        ([{"flagged": True}], True),
        ([{"flagged": False}], False),
        ([{"flagged": False}, {"flagged": True}], True),
        ([{"flagged": True}, {"flagged": False}], True),
    ],
)
def test_any_result_may_flag(results: Any, flagged: bool) -> None:
    assert is_flagged({"results": results}) is flagged


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"results": []}, "no_results"),
        ({"results": {"flagged": False}}, "no_results"),
        ([{"flagged": False}], "no_results"),
        ({"results": [{"flagged": True}, {}]}, "no_verdict"),
        ({"results": [{"flagged": 1}]}, "no_verdict"),
        ({"results": [{"flagged": False}, False]}, "no_verdict"),
    ],
    ids=repr,
)
def test_what_says_nothing_is_no_verdict(answer: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        is_flagged(answer)
