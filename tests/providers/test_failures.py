"""What a provider's refusal becomes: the answer to the client, whether it is tried again, and when."""

from typing import Any

import pytest

from echo.errors import ApiError
from echo.providers.failures import (
    ProviderFailure,
    describe,
    describe_answer,
    of_error,
    of_status,
    read_retry_after,
    unusable,
    without_answer,
)
from echo.providers.naming import Named

FAILED = (502, "provider_failed", "The provider did not give a usable answer.")
KEY = (502, "provider_refused_key", "The provider did not accept the key.")
REFUSED = (
    422,
    "provider_refused",
    "The provider refused the request; it may be too long, or the model unknown.",
)
TOO_LONG = (422, "provider_refused", "What was sent is too long for the model.")
UNKNOWN = (422, "provider_refused", "The provider does not know that model.")
NOTHING = (502, "provider_failed", "The model ended without an answer.")
WITHHELD = (
    422,
    "provider_refused",
    "The model refused to answer, or the provider's content filter withheld the answer.",
)
NO_TOOLS = (
    502,
    "provider_failed",
    "The model asked for a tool instead of answering, and there are none here.",
)
NO_CALL = (502, "provider_failed", "The model tried to call a tool, and what it wrote was not a call.")
BUSY = (503, "provider_busy", "The provider is overloaded; try again later.")
LIMITED = (429, "provider_limited", "The provider's limit is reached; try again later.")

STATUSES = {"overloaded_error": 529, "rate_limit_error": 429}


def told(error: ApiError) -> tuple[int, str, str]:
    return error.status, error.code, error.message


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "answer", "transient"),
        [
            (204, FAILED, False),
            (302, FAILED, False),
            (399, FAILED, False),
            (400, REFUSED, False),
            (401, KEY, False),
            (402, REFUSED, False),
            (403, KEY, False),
            (404, REFUSED, False),
            (408, FAILED, True),
            (409, FAILED, True),
            (413, TOO_LONG, False),
            (422, REFUSED, False),
            (424, REFUSED, False),
            (425, FAILED, True),
            (426, REFUSED, False),
            (429, LIMITED, False),
            (499, REFUSED, False),
            (500, FAILED, True),
            (502, FAILED, True),
            (503, BUSY, True),
            (504, FAILED, True),
            (529, BUSY, True),
        ],
    )
    def test_becomes_an_answer(self, status: int, answer: tuple[int, str, str], transient: bool) -> None:
        failure = of_status(status, {})
        assert told(failure.error) == answer
        assert failure.transient is transient
        assert (failure.retry_after, failure.kind) == (None, f"status_{status}")

    @pytest.mark.parametrize("status", [400, 401, 408, 429, 500, 503, 204])
    def test_keeps_the_kind_that_comes_first(self, status: int) -> None:
        assert of_status(status, {}, ["context_length_exceeded", "other"]).kind == "context_length_exceeded"

    @pytest.mark.parametrize("status", [408, 429, 500, 503, 529])
    def test_passes_on_how_long_to_wait(self, status: int) -> None:
        failure = of_status(status, {"retry-after": "3"})
        assert (failure.retry_after, failure.transient) == (3.0, True)
        failure = of_status(status, {}, (), 4.5)
        assert (failure.retry_after, failure.transient) == (4.5, True)
        # The header is the provider's own word on this very answer.
        assert of_status(status, {"retry-after": "3"}, (), 4.5).retry_after == 3.0
        assert of_status(status, {"retry-after": "0"}, (), 4.5).retry_after == 0.0

    @pytest.mark.parametrize(
        ("wait", "seconds"),
        [(None, "60"), (0.0, "1"), (0.1, "1"), (7.0, "7"), (7.2, "8"), (3600.0, "3600"), (3601.0, "3600")],
    )
    def test_of_a_limit_tells_the_client_when_to_come_back(self, wait: float | None, seconds: str) -> None:
        failure = of_status(429, {}, (), wait)
        assert failure.error.headers["Retry-After"] == seconds
        # Without a time it is as likely a quota that is used up.
        assert failure.transient is (wait is not None)

    def test_of_google_for_a_key_is_400(self) -> None:
        failure = of_status(400, {}, ["API_KEY_INVALID", "INVALID_ARGUMENT"])
        assert (told(failure.error), failure.transient) == (KEY, False)
        assert told(of_status(500, {}, ["INTERNAL", "API_KEY_INVALID"]).error) == KEY
        assert told(of_status(400, {}, ["api_key_invalid"]).error) == REFUSED


class TestRefusal:
    @pytest.mark.parametrize(
        ("kind", "answer"),
        [
            ("context_length_exceeded", TOO_LONG),
            ("request_too_large", TOO_LONG),
            ("string_above_max_length", TOO_LONG),
            ("model_not_found", UNKNOWN),
            ("DeploymentNotFound", UNKNOWN),
            ("invalid_model", UNKNOWN),
            ("unknown_model", UNKNOWN),
            ("of_tomorrow", REFUSED),
        ],
    )
    @pytest.mark.parametrize("status", [400, 404, 422])
    def test_says_its_reason_where_it_is_known(
        self, status: int, kind: str, answer: tuple[int, str, str]
    ) -> None:
        failure = of_status(status, {}, [kind])
        assert (told(failure.error), failure.kind, failure.transient) == (answer, kind, False)
        assert told(of_status(status, {}, ["first", kind]).error) == answer

    def test_of_what_is_too_long_has_the_providers_kind(self) -> None:
        failure = of_status(413, {}, ["odd", "model_not_found"])
        assert (told(failure.error), failure.kind) == (TOO_LONG, "odd")

    def test_names_the_parameters(self) -> None:
        failure = of_status(400, {}, ["odd"], named=Named(frozenset({"top_p", "seed"}), lasting=True))
        sentence = "The provider does not take these parameters, or not with these values: seed, top_p."
        assert told(failure.error) == (422, "provider_refused", sentence)
        assert (failure.kind, failure.named, failure.lasting) == ("odd", {"top_p", "seed"}, True)

    def test_names_none_where_the_reason_is_another(self) -> None:
        named = Named(frozenset({"top_p"}), lasting=True)
        for kinds, status in ((["model_not_found"], 400), (["request_too_large"], 400), ((), 413)):
            failure = of_status(status, {}, kinds, named=named)
            assert (failure.named, failure.lasting) == (frozenset(), False)


class TestNoAnswer:
    """A model that has ended without a word."""

    @pytest.mark.parametrize(
        ("finish", "reason", "asked", "answer", "transient"),
        [
            ("other", "of_tomorrow", {"called": False}, NOTHING, False),
            ("other", "", {"called": False}, NOTHING, True),
            ("stop", "stop", {"called": False, "tools": True}, NOTHING, False),
            ("content_filter", "SAFETY", {"called": False}, WITHHELD, False),
            ("content_filter", "SAFETY", {"called": False, "tools": True}, WITHHELD, False),
            ("stop", "stop", {"called": True}, NO_TOOLS, False),
            ("stop", "stop", {"called": True, "tools": True}, NO_CALL, True),
            *(
                (finish, reason, {"called": False, "tools": tools}, NO_CALL if tools else NO_TOOLS, tools)
                for finish in ("other", "tool_calls", "content_filter")
                for reason in (
                    *("tool_calls", "function_call", "tool_use", "pause_turn"),
                    *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
                )
                for tools in (False, True)
            ),
        ],
    )
    def test_is_a_failure_with_its_reason(
        self, finish: str, reason: str, asked: dict[str, bool], answer: Any, transient: bool
    ) -> None:
        failure = without_answer(finish, reason, **asked)
        assert (told(failure.error), failure.transient) == (answer, transient)
        assert failure.kind == (reason or "no_answer")

    @pytest.mark.parametrize("reason", ["two words", "a" * 65, "<b>"])
    def test_repeats_no_reason_that_is_not_harmless(self, reason: str) -> None:
        for finish, called, tools in (
            ("other", False, False),
            ("content_filter", False, False),
            ("stop", True, False),
            ("stop", True, True),
        ):
            assert without_answer(finish, reason, called=called, tools=tools).kind == "no_answer"

    def test_was_offered_no_tools_unless_that_is_said(self) -> None:
        assert told(without_answer("stop", "stop", called=True).error) == NO_TOOLS


class TestErrorInAStream:
    @pytest.mark.parametrize(
        ("error", "answer", "kind"),
        [
            ({"type": "overloaded_error"}, BUSY, "overloaded_error"),
            ({"type": "rate_limit_error"}, LIMITED, "rate_limit_error"),
            ({"type": "new_error"}, FAILED, "new_error"),
            ({"code": "new", "type": "overloaded_error"}, BUSY, "new"),
            ({"code": 400}, REFUSED, "status_400"),
            ({"code": 401}, KEY, "status_401"),
            ({"code": 599}, FAILED, "status_599"),
            ({"code": 399}, FAILED, "status_500"),
            ({"code": 600}, FAILED, "status_500"),
            ({"code": "401"}, FAILED, "status_500"),
            ({"code": 401, "type": "overloaded_error"}, BUSY, "overloaded_error"),
            ({}, FAILED, "status_500"),
            ("text", FAILED, "status_500"),
            (None, FAILED, "status_500"),
        ],
    )
    def test_means_what_its_kind_or_its_code_says(
        self, error: Any, answer: tuple[int, str, str], kind: str
    ) -> None:
        failure = of_error(error, STATUSES)
        assert (told(failure.error), failure.kind) == (answer, kind)

    def test_may_say_how_long_to_wait(self) -> None:
        error = {"code": 429, "details": [{"retryDelay": "12.5s"}]}
        failure = of_error(error, {})
        assert (failure.retry_after, failure.transient) == (12.5, True)
        assert failure.error.headers["Retry-After"] == "13"


class TestDescribing:
    @pytest.mark.parametrize(
        ("error", "names"),
        [
            (
                {"status": "s", "type": "t", "code": "c", "details": [{"reason": "r"}, {"reason": "q"}]},
                list("rqcts"),
            ),
            ({"code": 7, "type": None, "status": ["s"]}, []),
            ({"code": "a b", "type": "<script>", "status": "ok.name_1-x"}, ["ok.name_1-x"]),
            ({"code": "a" * 64, "type": "a" * 65}, ["a" * 64]),
            ({"details": ["text", None, {"other": 1}, {"reason": "r"}]}, ["r"]),
            ({"details": "text", "code": "c"}, ["c"]),
            ({"details": {"reason": "r"}}, []),
            ({"details": [{"reason": "early"}] * 20 + [{"reason": "late"}]}, ["early"] * 20),
            ([], []),
            (None, []),
        ],
    )
    def test_names_what_is_harmless_most_special_first(self, error: Any, names: list[str]) -> None:
        assert describe(error) == (names, None)

    @pytest.mark.parametrize(
        ("delays", "seconds"),
        [
            (["3s"], 3.0),
            (["0.25s"], 0.25),
            (["999999s"], 999999.0),
            (["nonsense", 7, None, "5s", "6s"], 5.0),
            (["1000000s"], None),
            (["3"], None),
            (["3m"], None),
            (["-3s"], None),
            ([" 3s"], None),
            (["٣s"], None),
            ([], None),
        ],
    )
    def test_reads_googles_delay(self, delays: list[Any], seconds: float | None) -> None:
        assert describe({"details": [{"retryDelay": delay} for delay in delays]}) == ([], seconds)


class TestDescribingAnswers:
    @pytest.mark.parametrize(
        ("answer", "found"),
        [
            ({"error": {"code": "c"}}, (["c"], None)),
            ({"code": "c"}, (["c"], None)),
            (
                [{"error": {"code": "c", "details": [{"retryDelay": "2s"}]}}, {"error": {"code": "d"}}],
                (["c"], 2.0),
            ),
            ([], ([], None)),
            (["c"], ([], None)),
            ({"error": "c"}, ([], None)),
            ("c", ([], None)),
            (None, ([], None)),
        ],
    )
    def test_finds_the_error_wherever_it_stands(self, answer: Any, found: Any) -> None:
        assert describe_answer(answer) == found


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("headers", "seconds"),
        [
            ({}, None),
            ({"retry-after": "7"}, 7.0),
            ({"retry-after": " 7.5 "}, 7.5),
            ({"retry-after": "0"}, 0.0),
            ({"retry-after-ms": "1500"}, 1.5),
            ({"retry-after": "1.123456789"}, 1.123456789),
            ({"retry-after": "1.1234567891"}, None),
            ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
            ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
            ({"retry-after": "999999999"}, 999999999.0),
            ({"retry-after": "9999999999"}, None),
            ({"retry-after": "-1"}, None),
            ({"retry-after": "1e3"}, None),
            ({"retry-after": "٣"}, None),
            ({"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ],
    )
    def test_is_seconds(self, headers: dict[str, str], seconds: float | None) -> None:
        assert read_retry_after(headers) == seconds


class TestOverload:
    @pytest.mark.parametrize("status", [503, 529])
    @pytest.mark.parametrize(
        ("wait", "seconds"), [(0.0, "1"), (1.0, "1"), (1.1, "2"), (3600.0, "3600"), (3601.0, "3600")]
    )
    def test_tells_the_client_when_to_come_back(self, status: int, wait: float, seconds: str) -> None:
        failure = of_status(status, {}, (), wait)
        assert (told(failure.error), failure.error.headers["Retry-After"]) == (BUSY, seconds)


class TestFailure:
    def test_of_an_unusable_answer(self) -> None:
        for transient in (True, False):
            failure = unusable("no_json", transient=transient)
            assert told(failure.error) == FAILED
            assert (failure.transient, failure.retry_after, failure.kind) == (transient, None, "no_json")
        assert (unusable().transient, unusable().kind) == (False, "")

    def test_tells_the_log_code_and_kind(self) -> None:
        assert str(unusable("no_json")) == "provider_failed no_json"
        assert str(unusable()) == "provider_failed"
        failure = ProviderFailure(unusable().error)
        assert (failure.transient, failure.retry_after, failure.kind) == (False, None, "")
