"""Having something summarised: within what its user may spend, told to those who read, a part of the answer."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any

import structlog

from echo.chat import frames, summary_frames
from echo.chat.bench import Bench, Kit
from echo.chat.present import Present
from echo.chat.subagents import NoteRound
from echo.chat.summaries import Summing, part_of
from echo.errors import ApiError
from echo.providers.chat import TextDelta
from echo.tools.loop_events import RoundBegun
from echo.tools.results import whole_characters
from echo.tools.rounds import new_step_id

log = structlog.get_logger(__name__)


async def summarised(
    summing: Summing, kit: Kit, note: NoteRound, tell: Callable[[str], None] | None = None
) -> str | None:
    """The summary; None where none can be made, or may be paid for: the chat goes on without.

    It is a request like any other of the answer: what it may come to is held before, what it used is noted,
    however it ended.
    """
    asking = summing.asking
    request = asking.request
    texts = [request.system or "", *(turn.text for turn in request.turns)]
    present = Present(await kit.count("\n".join(texts)))
    try:
        await kit.before_round(asking, present.tokens)
        present.take(RoundBegun(1))
        async with aclosing(asking.provider.stream(request, asking.credentials)) as events:
            async for event in events:
                present.take(event)
                if tell is not None and isinstance(event, TextDelta):
                    tell(whole_characters(event.text))
    except ApiError as error:
        log.warning("a chat could not be summarised", cause=error.code)
        return None
    finally:
        if present.is_broken_off:
            note(asking, await present.used(kit.count))
        kit.ended(asking)
    return whole_characters("".join(present.said)).strip() or None


async def told_summary(
    summing: Summing, bench: Bench, note: NoteRound, agent_id: str, shown: Mapping[str, Any]
) -> tuple[str, int] | None:
    """The summary with its tokens; None where none can be made. `shown` is what the part says of who gives it."""
    add = partial(bench.transcript.add, frames.MESSAGE)
    step_id, index = new_step_id(), bench.number_part(frames.SUMMARY)
    opened = summary_frames.begun(step_id, bench.answer_id, index, summing.maker)
    step = {**opened["data"], **shown}
    add({**opened, "data": step})
    add(summary_frames.started(agent_id, summing.maker, summing.messages, summing.version))
    try:
        text = await summarised(
            summing, bench, note, partial(bench.transcript.extend, step_id, frames.SUMMARY)
        )
    except asyncio.CancelledError:
        add(frames.step_closed(step, "cancelled"))
        raise
    if text is None:
        add(summary_frames.failed(step_id, agent_id))
        add(frames.step_closed(step, "failed"))
        return None
    part = part_of(summing, text, await bench.count(text), (step_id, index))
    add(summary_frames.complete(step_id, agent_id, {**part, **shown}))
    add(frames.step_closed(step, "completed"))
    return text, part["tokenCount"]
