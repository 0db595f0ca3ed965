"""Arithmetic as people write it: nothing but numbers, operators and a few functions is evaluated.

The time is linear in the length of the text, which is bounded, and no number grows beyond `MAX_BITS` bits.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from echo.providers.chat import Tool
from echo.tools.tool import Called, RunTool, ToolFailure, ToolOutput

NAME = "calculator"
MAX_TEXT = 1000
MAX_BITS = 4096
MAX_FACTORIAL = 400
Number = int | float
# Signs as books have them: times, divided by, minus.
SIGNS = {0xD7: "*", 0xF7: "/", 0x2212: "-"}

_CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e, "tau": math.tau, "phi": (1 + math.sqrt(5)) / 2}


def _power(base: Number, exponent: Number) -> Number:
    whole = isinstance(base, int) and isinstance(exponent, int)
    if whole and exponent >= 0 and int(base).bit_length() * exponent > MAX_BITS:
        raise OverflowError
    raised: Number = base**exponent
    return raised


def _factorial(number: Number) -> Number:
    if number != int(number) or not 0 <= number <= MAX_FACTORIAL:
        raise OverflowError
    return math.factorial(int(number))


def _round(number: Number, digits: Number = 0) -> Number:
    return round(number, max(-400, min(400, int(digits)))) if digits else round(number)


def _log(number: Number, base: Number = math.e) -> float:
    return math.log(number, base) if base != math.e else math.log(number)


_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: _power,
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
}
# Each with how many numbers it takes at most; None for any.
_FUNCTIONS: Mapping[str, tuple[Callable[..., Any], int | None]] = {
    **{
        name: (getattr(math, name), 1)
        for name in (
            *("sqrt", "exp", "log2", "log10", "log1p", "floor", "ceil", "trunc", "degrees", "radians"),
            *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
        )
    },
    **{name: (getattr(math, name), 2) for name in ("atan2", "hypot", "gcd", "lcm")},
    "abs": (abs, 1),
    "cbrt": (lambda number: math.copysign(abs(number) ** (1 / 3), number), 1),
    "ln": (math.log, 1),
    "log": (_log, 2),
    "sign": (lambda number: (number > 0) - (number < 0), 1),
    "round": (_round, 2),
    "factorial": (_factorial, 1),
    "pow": (_power, 2),
    "mod": (operator.mod, 2),
    "min": (lambda *numbers: min(numbers), None),
    "max": (lambda *numbers: max(numbers), None),
    "sum": (lambda *numbers: sum(numbers), None),
    "mean": (lambda *numbers: sum(numbers) / len(numbers), None),
}


def calculate(text: str) -> str:
    """The value of an expression, without rounding noise. Raises `ToolFailure`, which says what is wrong."""
    if len(text) > MAX_TEXT:
        raise ToolFailure(f"An expression may have at most {MAX_TEXT} characters.")
    written = text.strip().translate(SIGNS).replace("^", "**")
    try:
        return _shown(_value(ast.parse(written, mode="eval").body))
    except ZeroDivisionError:
        raise ToolFailure("That divides by zero.") from None
    except OverflowError:
        raise ToolFailure("A number in that is too large.") from None
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise ToolFailure(f"That is no expression that can be calculated: {text[:200]}") from None


def _value(node: ast.expr) -> Number:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return _bounded(number)
        case ast.Name(id=name) if name.lower() in _CONSTANTS:
            return _CONSTANTS[name.lower()]
        case ast.UnaryOp(op=sign, operand=inner) if type(sign) in _OPERATORS:
            return _bounded(_OPERATORS[type(sign)](_value(inner)))
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            return _bounded(_OPERATORS[type(sign)](_value(left), _value(right)))
        case ast.Call(func=ast.Name(id=name), args=given, keywords=[]) if name in _FUNCTIONS:
            function, most = _FUNCTIONS[name]
            if most is not None and len(given) > most:
                raise ValueError
            return _bounded(function(*map(_value, given)))
    raise ValueError


def _bounded(number: Any) -> Number:
    if isinstance(number, float) and math.isfinite(number):
        return number
    if isinstance(number, int) and number.bit_length() <= MAX_BITS:
        return number
    raise OverflowError if isinstance(number, int | float) else ValueError


def _shown(number: Number) -> str:
    return str(number) if isinstance(number, int) else f"{number:.15g}"


async def _call(called: Called) -> ToolOutput:
    return ToolOutput.of_text(calculate(str(called.arguments.get("input", ""))))


CALCULATOR = RunTool(
    Tool(
        NAME,
        "Calculates an arithmetic expression and gives its value. Knows + - * / ^ %, parentheses, pi, e, and"
        " functions such as sqrt, log, sin, round, min, max and factorial.",
        {
            "type": "object",
            "properties": {
                "input": {"type": "string", "description": "The expression, such as (2 + 3) * sqrt(16)."}
            },
            "required": ["input"],
        },
    ),
    _call,
)
