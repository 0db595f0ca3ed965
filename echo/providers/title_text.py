"""The title in what a model answers when it is asked for one: without its thinking, labels and decoration."""

import re
import unicodedata
from typing import Any

# Around what a model thinks: DeepSeek's and Qwen's, Magistral's, Kimi's, and what prompts and proxies make of them.
_OPENING = re.compile(
    r"<(?:think|thinking|thought|thoughts|reasoning|analysis|seed:think)\b[^<>]{0,100}>|\[THINK\]|◁think▷",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"</(?:think|thinking|thought|thoughts|reasoning|analysis|seed:think)\s{0,10}>|\[/THINK\]|◁/think▷",
    re.IGNORECASE,
)
# OpenAI's open models name the channel of each message ("Harmony"); only the last one is meant for people.
_CHANNEL, _FINAL = "<|channel|>", "<|channel|>final<|message|>"
_TOKEN = re.compile(r"<\|[^<>|]{1,40}\|>")
# "Title:", also as "**Title:**" and "**Title**:".
_LABEL = re.compile(
    r"(?P<open>[*_]{0,3})(?:(?:the|a|chat|conversation|suggested|short|concise) ){0,3}"
    r"(?:title|titel|titre|título|titulo|titolo|tytuł|заголовок|标题|標題|タイトル|제목)"
    r"(?P<inner>[*_]{0,3}) ?[:\uff1a](?P<close>[*_]{0,3})",
    re.IGNORECASE,
)
# A heading, a quotation or an item of a list, in Markdown.
_BULLET = re.compile(r"(?:#{1,6}|[-*+•>]) ")
# What closes what is opened.
_CLOSERS = {
    **{mark: mark for mark in "\"'*_`"},
    "“": "”",
    "„": "“”",
    "«": "»",
    "\u2039": "\u203a",
    "\u2018": "\u2019",
    "\u201a": "\u2018\u2019",
    "「": "」",
    "『": "』",
    "《": "》",
}
# Of these one alone is the rest of a pair; an apostrophe or a star may be part of the title.
_NEVER_ALONE = '"“”„«»'


def title_in(answer: Any, longest: int) -> str:
    """The title in an answer, as `clean` makes it; empty where the answer has none."""
    if not isinstance(answer, str):
        return ""
    lines = [line for line in map(str.strip, without_thinking(answer).splitlines()) if line]
    places = [place for place, line in enumerate(lines) if _LABEL.match(_BULLET.sub("", line, count=1))]
    if places:
        line = _undecorated(clean(lines[places[0]], 2 * longest))
        # Or the label has a line of its own.
        lines = [line] if line else lines[places[0] + 1 :]
    elif len(lines) > 1 and lines[0].rstrip("*_ ").endswith((":", "\uff1a")):
        # An announcement: "Here is a title:".
        lines = lines[1:]
    return clean(_undecorated(clean(" ".join(lines), 2 * longest)), longest)


def without_thinking(answer: str) -> str:
    """What a model says after it has thought; nothing where it did not come to an end with that."""
    if _CHANNEL in answer:
        answer = answer.rpartition(_FINAL)[2] if _FINAL in answer else ""
    answer = _TOKEN.sub("", answer)
    closings = list(_CLOSING.finditer(answer))
    said = answer[closings[-1].end() :] if closings else answer
    # Without an end it is cut off; with nothing after the end it may have followed the answer.
    if closings and not said.strip():
        said = answer if _OPENING.search(answer) else ""
    opening = _OPENING.search(said)
    return said[: opening.start()] if opening else said


def _undecorated(line: str) -> str:
    """The line without what is around all of it, and without a label in front. (In each round a character goes.)"""
    before = None
    while before != line:
        before = line = line.strip()
        line = _unwrapped(_unlabelled(_BULLET.sub("", line, count=1) if _BULLET.match(line) else line))
    return line


def _unlabelled(line: str) -> str:
    label = _LABEL.match(line)
    if label is None:
        return line
    rest, opening = line[label.end() :].strip(), label["open"]
    if not opening or opening in (label["inner"], label["close"]):
        return (label["close"] if not opening else "") + rest
    return opening + label["close"] + rest


def _unwrapped(line: str) -> str:
    """The line without one pair of quotation marks or stars, or without one of them that has no other."""
    if not line:
        return line
    first, last, inner = line[0], line[-1], line[1:-1]
    if len(line) > 1 and last in _CLOSERS.get(first, ""):
        # "One" and "two" is not one quotation; **bold** has stars in its stars.
        is_one = first not in inner or (inner[:1] == inner[-1:] == first)
        return inner if is_one else line
    if first in _NEVER_ALONE and not any(mark in line[1:] for mark in _NEVER_ALONE):
        return line[1:]
    if last in _NEVER_ALONE and not any(mark in line[:-1] for mark in _NEVER_ALONE):
        return line[:-1]
    return line


def clean(text: Any, longest: int) -> str:
    """One line of printable text, cut at the end of a word where there is one; empty for anything else."""
    if not isinstance(text, str):
        return ""
    kept = (char if unicodedata.category(char)[0] != "C" else " " for char in text[: longest * 20])
    line = re.sub(r"\s+", " ", "".join(kept)).strip()
    if len(line) <= longest:
        return line
    head, space, _ = line[: longest + 1].rpartition(" ")
    return f"{head if space and len(head) > longest // 2 else line[: longest - 1]}…"
