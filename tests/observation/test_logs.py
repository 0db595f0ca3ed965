"""What stands in the log, and in which form."""

import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from echo.observation.logs import LogFile, configure_logging
from echo.settings import load_settings

Logged = Callable[[], list[dict[str, Any]]]
UNENCODABLE = "lone \ud800 surrogate"


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**before)


def configure(log_format: str, level: str = "info") -> Any:
    configure_logging(load_settings({"ECHO_LOG_FORMAT": log_format, "ECHO_LOG_LEVEL": level}))
    return structlog.get_logger("echo.tests")


@pytest.fixture
def logged(capsysbinary: pytest.CaptureFixture[bytes]) -> Logged:
    return lambda: [json.loads(line) for line in capsysbinary.readouterr().err.splitlines()]


class TestLinesForPrograms:
    def test_carry_level_logger_time_and_context(self, logged: Logged) -> None:
        log = configure("json")
        with structlog.contextvars.bound_contextvars(request_id="r-1"):
            log.info("something", answer=42)
        [line] = logged()
        assert line.pop("timestamp").endswith("Z")
        assert line == {
            "event": "something",
            "answer": 42,
            "level": "info",
            "logger": "echo.tests",
            "request_id": "r-1",
        }

    def test_are_the_same_for_the_standard_librarys_loggers(self, logged: Logged) -> None:
        configure("json")
        with structlog.contextvars.bound_contextvars(request_id="r-2"):
            logging.getLogger("storage.core.database").warning("index %s", "x")
        [line] = logged()
        assert (line["event"], line["level"], line["logger"], line["request_id"]) == (
            "index x",
            "warning",
            "storage.core.database",
            "r-2",
        )

    def test_leave_out_what_is_below_the_level(self, logged: Logged) -> None:
        log = configure("json", "warning")
        log.info("quiet")
        logging.getLogger("storage").info("quiet too")
        log.warning("loud")
        assert [line["event"] for line in logged()] == ["loud"]

    def test_hold_tracebacks_without_the_values_of_variables(self, logged: Logged) -> None:
        log = configure("json")
        password = "hunter2 in a variable"
        try:
            raise RuntimeError(password[:7])
        except RuntimeError:
            log.exception("failed")
        [line] = logged()
        assert line["exception"][0]["exc_type"] == "RuntimeError"
        assert password not in json.dumps(line)

    @pytest.mark.parametrize("value", [UNENCODABLE, 2**70, {1: object()}, b"\xff"])
    def test_never_fail(self, logged: Logged, value: Any) -> None:
        configure("json").info("odd", value=value)
        assert [line["event"] for line in logged()] == ["odd"]


class TestLinesForPeople:
    def test_show_controls_as_escapes(self, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
        configure("console").info("request", path="/a\n\x1b[31mb", other=UNENCODABLE)
        [line] = capsysbinary.readouterr().err.splitlines()
        assert rb"/a\n\x1b[31mb" in line
        assert b"\\ud800 surrogate" in line

    def test_of_requests_begin_with_what_is_looked_for(
        self, capsysbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        with structlog.contextvars.bound_contextvars(request_id="r-1"):
            configure("console").info(
                "request",
                client="::1",
                ms=1.5,
                method="GET",
                operation="get_health",
                path="/health",
                status=200,
            )
        [line] = capsysbinary.readouterr().err.splitlines()
        names = re.findall(r"(\w+)=", re.sub(r"\x1b\[[0-9;]*m", "", line.decode()))
        assert names == ["status", "method", "path", "ms", "operation", "client", "request_id"]


class TestLogFile:
    class Full(io.BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(28, "No space left on device")

        def flush(self) -> None:
            raise BrokenPipeError

    def test_loses_lines_rather_than_requests(self) -> None:
        file = LogFile(self.Full())
        file.write(b"x\n")
        file.flush()

    def test_loses_lines_after_its_end(self) -> None:
        closed = io.BytesIO()
        closed.close()
        LogFile(closed).write(b"x\n")

    def test_writes(self) -> None:
        file = io.BytesIO()
        LogFile(file).write(b"x\n")
        assert file.getvalue() == b"x\n"
