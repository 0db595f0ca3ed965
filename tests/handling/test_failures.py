"""What becomes of an exception that nobody has dealt with: what is answered, and what is logged."""

import pytest
from connexion.exceptions import OAuthProblem
from structlog.testing import capture_logs

from echo.errors import ApiError, InternalError, NotFound, ServiceUnavailable
from echo.handling.failures import to_api_error
from storage.core.errors import Unavailable


def answer_to(exc: Exception) -> tuple[ApiError, list[object]]:
    with capture_logs() as logged:
        return to_api_error(exc), [dict(line) for line in logged]


def test_who_has_not_logged_in_is_told_so() -> None:
    error, logged = answer_to(OAuthProblem("no token"))
    assert (error.status, error.code, logged) == (401, "unauthorized", [])


def test_a_fault_is_logged_in_full_and_answered_with_nothing() -> None:
    fault = RuntimeError("canary")
    error, logged = answer_to(fault)
    assert (error.status, error.code) == (500, "internal_error")
    assert "canary" not in str(error)
    assert logged == [{"event": "unhandled exception", "exc_info": fault, "log_level": "error"}]


def test_a_refusal_is_answered_and_nothing_is_logged() -> None:
    refusal = NotFound()
    assert answer_to(refusal) == (refusal, [])


class TestFailure:
    def test_of_ours_is_logged_too(self) -> None:
        failure = InternalError()
        error, logged = answer_to(failure)
        assert error is failure
        assert logged == [
            {
                "event": "request failed",
                "code": "internal_error",
                "cause": repr(failure),
                "log_level": "warning",
            }
        ]

    def test_is_logged_with_its_cause(self) -> None:
        error, logged = answer_to(Unavailable("away"))
        assert (error.status, error.code) == (503, "storage_unavailable")
        assert logged == [
            {
                "event": "request failed",
                "code": "storage_unavailable",
                "cause": "Unavailable('away')",
                "log_level": "warning",
            }
        ]

    def test_is_logged_with_what_was_behind_it(self) -> None:
        with pytest.raises(ServiceUnavailable) as raised:
            raise ServiceUnavailable("busy", code="overloaded") from ConnectionError("refused")
        _, [line] = answer_to(raised.value)
        assert line == {
            "event": "request failed",
            "code": "overloaded",
            "cause": "ConnectionError('refused')",
            "log_level": "warning",
        }
