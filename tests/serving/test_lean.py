"""What stands in for parts of libraries while a server loads: they are there for whoever asks after all."""

import re
import subprocess
import sys

import pytest

from echo.serving.lean import _on_demand, _patterns_on_demand

# In a process of its own: here the libraries may be loaded already, and stay so.
PROGRAM = """
import sys
from echo.serving.lean import load_libraries
load_libraries()
before = [name for name in ("jsonschema", "limits.aio", "aiohttp.tracing") if name in sys.modules]
from connexion.json_schema import Draft4RequestValidator
import aiohttp, limits
wrong = Draft4RequestValidator({"type": "string"})
print(before, wrong.is_valid("a"), wrong.is_valid(None), type(aiohttp.TraceConfig()).__module__)
import jsonschema, limits.aio.storage, werkzeug.test
print(type(jsonschema.Draft4Validator).__name__, limits.aio.storage.MemoryStorage.__name__)
"""


def test_what_libraries_are_asked_for_after_all_is_there() -> None:
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["[] True False aiohttp.tracing", "type MemoryStorage"]


class TestModules:
    def test_one_is_loaded_with_the_first_call_after(self) -> None:
        sys.modules.pop("colorsys", None)
        with _on_demand("colorsys"):
            from colorsys import rgb_to_yiq  # noqa: PLC0415
        assert "colorsys" not in sys.modules
        assert rgb_to_yiq(0.0, 0.0, 0.0) == (0.0, 0.0, 0.0)
        assert "colorsys" in sys.modules

    def test_what_is_called_meanwhile_is_called_later(self) -> None:
        sys.modules.pop("colorsys", None)
        with _on_demand("colorsys"):
            import colorsys  # noqa: PLC0415

            made = colorsys.rgb_to_hls(0.0, 1.0, 0.0)
        assert "colorsys" not in sys.modules
        assert made.index(1.0) == 2

    def test_a_class_inherits_nothing_of_one(self) -> None:
        sys.modules.pop("colorsys", None)
        with _on_demand("colorsys"):
            import colorsys  # noqa: PLC0415

            class Own(colorsys.Anything, ValueError):  # type: ignore[name-defined, misc]
                pass

        assert Own.__mro__[1] is ValueError

    def test_a_module_that_is_not_installed_stays_so(self) -> None:
        with _on_demand("not_installed_at_all"), pytest.raises(ImportError):
            __import__("not_installed_at_all")


class TestPatterns:
    def test_one_is_compiled_when_it_is_used(self) -> None:
        with _patterns_on_demand():
            made = re.compile("(", re.IGNORECASE)
        with pytest.raises(re.error):
            made.match("a")

    def test_it_finds_what_it_should(self) -> None:
        with _patterns_on_demand():
            made = re.compile("a(b+)", flags=re.IGNORECASE)
        found = made.fullmatch("ABB")
        assert found is not None
        assert (found.group(1), made.pattern, made.sub("x", "abab")) == ("BB", "a(b+)", "xx")

    def test_it_is_one_for_the_functions_that_take_patterns(self) -> None:
        with _patterns_on_demand():
            made = re.compile("a(b+)")
        assert isinstance(made, re.Pattern)
        assert (re.sub(made, "x", "abab"), re.split(made, "1ab2"), re.compile(made).pattern) == (
            "xx",
            ["1", "b", "2"],
            "a(b+)",
        )

    def test_afterwards_they_are_compiled_at_once(self) -> None:
        with _patterns_on_demand():
            pass
        with pytest.raises(re.error):
            re.compile("(")


def test_a_database_can_be_started_before_the_server_is_loaded() -> None:
    program = (
        "import sys, echo.serving.serve; print('uvicorn' in sys.modules, 'storage.embedded' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout == "False True\n"
