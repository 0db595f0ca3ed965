"""Messages: asked of the model's provider, whichever it is, and told as Anthropic does."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace

import orjson

from echo.chat.context import MESSAGE_TOKENS, picture_tokens
from echo.completions.answering import Answering, Reply
from echo.completions.answering import Job as Asking
from echo.completions.answers import Answer
from echo.completions.asking import Question, all_text
from echo.completions.keeping import Earlier
from echo.completions.models import Chosen, Reach
from echo.handling.caller import Caller
from echo.handling.pending import Pending
from echo.programs.anthropic.telling import MessageTeller
from echo.programs.offers import Picked
from echo.programs.work import Job, Work
from echo.providers.chat import Attachment, Part, PictureAddress, Reasoning, Tool, ToolResult, Usage
from echo.providers.content import file_text, is_text_file
from echo.providers.token_counts import counting_errand

Json = dict[str, int]
CLAUDE = "claude"


class MessageService:
    """What the operations do. Nothing is stored."""

    def __init__(self, answering: Answering, work: Work, count_tokens: Callable[[str], int]) -> None:
        self._answering = answering
        self._work = work
        self._count_tokens = count_tokens

    def create(self, caller: Caller, question: Question) -> Pending:
        """The answer to a question: a message, or the stream of its events. See `Answering.answer`."""
        job = self._answering.job(caller, question, Earlier())

        async def make() -> Reply:
            named = replace(question, model=await full_name(job.reach, question.model))
            asking = replace(job, question=named)
            reply: Reply = await self._answering.answer(
                asking, MessageTeller(question.model), keep_none
            ).make()
            return reply

        return Pending(make)

    def count(self, caller: Caller, question: Question) -> Pending:
        """How many tokens a model would read: by Anthropic for its models, by Echo, near enough, for others."""
        job = replace(self._work.job(caller, question.model), is_free=True)

        async def make() -> tuple[Json, int, dict[str, str]]:
            named = replace(job, model=await full_name(job.reach, job.model))
            found = await self._work.whole(named, lambda picked: self._count(named, picked, question))
            return {"input_tokens": found}, 200, job.spending.headers

        return Pending(make)

    async def _count(self, job: Job, picked: Picked, question: Question) -> int:
        # No model reads it: the request counts, and no tokens.
        job.spending.told(0, 0)
        request = question.request(picked.wanted.model, (), None, picked.wanted.placeholders)
        if errand := counting_errand(picked.settings, request):
            return await picked.ask(errand)
        return await asyncio.to_thread(self._weigh, question)

    def _weigh(self, question: Question) -> int:
        texts = [question.system or "", *map(tool_text, question.parameters.tools)]
        parts = [part for turn in question.turns for part in turn.parts]
        said = sum(self._count_tokens(all_text(turn)) + MESSAGE_TOKENS for turn in question.turns)
        shown = sum(self._weigh_part(part) for part in all_parts(parts))
        return max(1, said + shown + sum(map(self._count_tokens, texts)))

    def _weigh_part(self, part: Part) -> int:
        """What no text of a turn's tells: pictures, as much for a PDF, text files, thinking."""
        if isinstance(part, Reasoning):
            return self._count_tokens(part.text)
        if isinstance(part, Attachment) and is_text_file(part):
            return self._count_tokens(file_text(part))
        return picture_tokens(None, None) if isinstance(part, Attachment | PictureAddress) else 0


async def keep_none(_job: Asking, _chosen: Chosen, _answer: Answer, _usage: Usage | None) -> None:
    """Keeps nothing, as Anthropic's API."""


async def full_name(reach: Reach, wanted: str) -> str:
    """The model's name with its endpoint: Anthropic's where several have a model of Anthropic's; else as it came."""
    if not wanted.startswith(CLAUDE):
        return wanted
    having = (
        endpoint
        for endpoint, model in await reach.models()
        if model == wanted and reach.settings[endpoint].type == "anthropic"
    )
    endpoint = next(having, None)
    return f"{endpoint}/{wanted}" if endpoint else wanted


def all_parts(parts: Iterable[Part]) -> Iterable[Part]:
    """The parts, and those in results of tools."""
    for part in parts:
        yield part
        if isinstance(part, ToolResult):
            yield from part.content


def tool_text(tool: Tool) -> str:
    """All that a model reads of a tool."""
    schema = orjson.dumps(tool.parameters or {}).decode()
    return "\n".join(filter(None, (tool.name, tool.description, schema)))
