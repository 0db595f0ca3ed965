"""Having something summarised while an answer is made: asked for, told to those who read, a part of the answer."""

from collections.abc import Mapping
from typing import Any

from echo.chat import frames
from echo.chat.bench import Bench
from echo.chat.subagents import NoteRound
from echo.chat.summaries import SUMMARY, Summing, part_of, summarised
from echo.tools.results import whole_characters
from echo.tools.rounds import new_step_id


async def told_summary(
    summing: Summing, bench: Bench, note: NoteRound, agent_id: str, shown: Mapping[str, Any]
) -> tuple[str, int] | None:
    """The summary with its tokens; None where none can be made. `shown` is what the part says of who gives it."""
    text = await summarised(summing, note)
    if text is None:
        return None
    text = whole_characters(text)
    part = part_of(summing, text, await bench.count(text))
    step_id, asked = new_step_id(), summing.asking
    place = bench.number_part(SUMMARY)
    told = frames.summary_step(step_id, bench.answer_id, place, asked.request.model, asked.provider_name)
    step = {**told["data"], **shown}
    bench.transcript.add(frames.MESSAGE, {**told, "data": step})
    complete = frames.summary_complete(step_id, agent_id, {**part, **shown})
    bench.transcript.add(frames.MESSAGE, complete)
    bench.transcript.add(frames.MESSAGE, frames.step_closed(step, "completed"))
    return text, part["tokenCount"]
