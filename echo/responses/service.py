"""What the operations of `/v1/responses` do."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from echo.chat.context import MESSAGE_TOKENS, Weighed, fit, window_of
from echo.completions.answering import Answering, Job
from echo.completions.answers import Answer
from echo.completions.asking import Question, all_text
from echo.completions.contents import refused
from echo.completions.exchange import said_in
from echo.completions.keeping import Earlier, Keeper
from echo.completions.models import Chosen
from echo.errors import BadRequest, PayloadTooLarge
from echo.handling.caller import Caller
from echo.handling.event_stream import EventStream
from echo.handling.pending import Pending
from echo.providers.chat import Turn, Usage
from echo.responses.asking import Asked, unsupported
from echo.responses.background import BackgroundResponses
from echo.responses.following import Following
from echo.responses.items import ItemReader, Json
from echo.responses.output import COMPLETED, INCOMPLETE
from echo.responses.teller import ResponseTeller
from echo.responses.work import Work, at
from storage.conversations.exchanges import Stored
from storage.conversations.responses import QUEUED, KeptResponse, ResponseRepository

# What is kept of one request must fit into a document of MongoDB's (16 MiB), its answer with it.
MOST_INPUT = 12 * 1024 * 1024
# What is read of the responses before one: so many, and so many characters of all of them.
MOST_EARLIER = 1000
MOST_CHARACTERS = 32 * 1024 * 1024
TOO_LONG = "There are too many responses before this one; begin anew, with what is needed of them as `input`."
# How a response has ended that can be gone on from; None is one that was not made in the background.
ANSWERED = (None, COMPLETED, INCOMPLETE)
NO_ANSWER = "The response before this one has no answer (yet): it is being made, has failed or was cancelled."
TOO_LARGE = 'The input is too large to be kept; send "store": false.'


@dataclass(frozen=True)
class Before:
    """What a request goes on from: the response before it, all turns up to there, and what the system said first."""

    last: KeptResponse | None = None
    turns: tuple[Turn, ...] = ()
    ids: tuple[str, ...] = ()


class ResponseService:
    """Answers, keeps and finds responses."""

    def __init__(
        self,
        answering: Answering,
        keeper: Keeper,
        responses: ResponseRepository,
        background: BackgroundResponses,
        following: Following,
    ) -> None:
        self._answering = answering
        self._keeper = keeper
        self._responses = responses
        self._background = background
        self._following = following

    def create(self, caller: Caller, asked: Asked) -> Pending:
        """The response, or the stream of its events.

        Raises `storage.core.errors.NotFound` for a response to go on from that is not the caller's, `Unprocessable`
        for input that no model can be asked, `PayloadTooLarge`. See `Answering.answer`.
        """
        given = told_again("input", asked.items)
        told_again("tools", asked.told)
        if asked.kept and len(given) > MOST_INPUT:
            raise PayloadTooLarge(TOO_LARGE)
        reader = ItemReader()
        before = self._before(caller.id, asked, reader)
        turns = reader.read(asked.items, "input")
        system = "\n\n".join(filter(None, (asked.instructions, *reader.system)))
        if not (system or turns or before.turns):
            raise refused("input", "holds nothing to answer")
        conversation_id = before.last.conversation_id if before.last and asked.store else None
        question = Question(
            asked.model,
            turns,
            system or None,
            asked.parameters,
            stream=asked.stream,
            store=asked.kept,
            conversation_id=conversation_id,
        )
        earlier = self._shortened(before.turns, question) if asked.truncates else before.turns
        job = self._answering.job(caller, question, Earlier(turns=earlier))
        keep = Kept(self, asked, before, given, ResponseTeller(asked))
        if asked.background:
            return Pending(lambda: self._in_background(job, keep))
        return self._answering.answer(job, keep.teller, keep)

    async def _in_background(self, job: Job, keep: "Kept") -> Json | EventStream:
        """The response as it begins, or the stream of all that it says."""
        response = await self._background.start(
            lambda worker: Work(job, keep.teller, keep, keep.queued(worker))
        )
        if not job.question.stream:
            return response
        return EventStream(await self._following.begun(job.caller, response["id"]))

    def get(self, owner: str, response_id: str) -> Json:
        """A response that is kept, or is being made; raises `storage.core.errors.NotFound`."""
        response: Json = orjson.loads(self._background.current(owner, response_id).response)
        return response

    def follow(self, caller: Caller, response_id: str, after: int) -> Pending:
        """The stream of a response that is made in the background, after the event of this number.

        Raises `NotFound`, and `Unprocessable` for one without a stream.
        """
        self._following.check(caller.id, response_id)

        async def make() -> EventStream:
            return EventStream(await self._following.begun(caller, response_id, after))

        return Pending(make)

    def cancel(self, owner: str, response_id: str) -> Json:
        """Cancel a response that is made in the background; one that has ended stays as it is.

        Raises `NotFound`, and `BadRequest` for one that is not made in the background, as OpenAI does.
        """
        kept = self._background.cancel(owner, response_id)
        if kept.status is None:
            raise BadRequest("Only a response that was created with `background` can be cancelled.")
        response: Json = orjson.loads(kept.response)
        return response

    async def close(self) -> None:
        """Called when the application ends."""
        await self._background.close()

    def input_items(self, owner: str, response_id: str) -> list[Json]:
        """What a response answered: the items of its own request, in their order; raises `NotFound`."""
        items: list[Json] = orjson.loads(self._responses.get(owner, response_id).input)
        return items

    def delete(self, owner: str, response_id: str) -> None:
        """Delete a response; a conversation that it is part of stays. Raises `NotFound`."""
        self._responses.delete(owner, response_id)

    def _before(self, owner: str, asked: Asked, reader: ItemReader) -> Before:
        if asked.previous is None:
            return Before()
        last = self._background.current(owner, asked.previous)
        if last.status not in ANSWERED:
            raise unsupported("previous_response_id", NO_ANSWER)
        found = self._responses.earlier(owner, last, most_characters=MOST_CHARACTERS)
        if found is None or len(found) >= MOST_EARLIER:
            raise unsupported("previous_response_id", TOO_LONG)
        items: list[Json] = []
        for each in (*found, last):
            items += orjson.loads(each.input)
            items += orjson.loads(each.response)["output"]
        return Before(last, reader.read(items, "previous_response_id"), (*last.earlier, last.id))

    def _shortened(self, turns: Sequence[Turn], question: Question) -> tuple[Turn, ...]:
        """The newest of the turns that fit beside the question: whole ones, beginning with the user's."""
        count = self._keeper.count_tokens
        weighed = [
            Weighed(str(at), count(all_text(turn)), turn.role == "user") for at, turn in enumerate(turns)
        ]
        own = sum(count(all_text(turn)) + MESSAGE_TOKENS for turn in question.turns)
        kept = fit(
            [*weighed, Weighed("", own, is_user=True)],
            window=window_of(question.model),
            system=count(question.system or ""),
            reserved=question.parameters.max_tokens or 0,
        )
        return tuple(turns[int(each)] for each in kept.ids if each)

    async def keep(
        self, job: Job, chosen: Chosen, answer: Answer, kept: "Kept", usage: Usage | None
    ) -> str | None:
        """Keep a response and, if that was asked for, its conversation, whose id is returned."""
        asked, before = kept.asked, kept.before
        stored = await self._in_conversation(job, chosen, answer, before) if asked.store else None
        conversation_id = stored.conversation_id if stored else None
        if asked.kept:
            final = kept.teller.final(conversation_id, usage)
            document = KeptResponse(
                kept.teller.response.id,
                before.ids,
                kept.given,
                orjson.dumps(final).decode(),
                conversation_id,
                stored.message_id if stored else None,
                status=final["status"] if asked.background else None,
            )
            write = self._responses.end if asked.background else self._responses.add
            await asyncio.to_thread(write, job.caller.id, document)
        return conversation_id

    async def _in_conversation(self, job: Job, chosen: Chosen, answer: Answer, before: Before) -> Stored:
        """LibreChat has calls of tools, their results and what follows as one answer: it is the same that goes on."""
        question, last, owner = job.question, before.last, job.caller.id
        count = self._keeper.count_tokens
        pending = unanswered(before.turns) if question.turns and question.turns[0].role == "tool" else ()
        said = await asyncio.to_thread(said_in, (*pending, *question.turns), answer.first, count)
        if pending and last and last.conversation_id and last.message_id:
            stored = Stored(last.conversation_id, last.message_id)
            if await asyncio.to_thread(self._responses.claim, owner, last.id):
                place = owner, last.conversation_id, last.message_id
                await asyncio.to_thread(self._keeper.exchanges.amend, *place, said[0])
                said = said[1:]
            if not said:
                return stored
        return await self._keeper.store(
            owner,
            question,
            said,
            chosen,
            answer.whole_text,
            variables=job.reach.variables,
            parent=last.message_id if last else None,
        )


@dataclass(frozen=True)
class Kept:
    """Keeps one response, as `echo.completions.answering.Keep`."""

    service: ResponseService
    asked: Asked
    before: Before
    given: str
    teller: ResponseTeller

    def queued(self, worker: str) -> KeptResponse:
        """The response before a model is asked, as a process that makes it in the background keeps it."""
        return KeptResponse(
            self.teller.response.id,
            self.before.ids,
            self.given,
            at(self.teller, QUEUED),
            status=QUEUED,
            worker=worker,
            streamed=self.asked.stream,
        )

    async def __call__(self, job: Job, chosen: Chosen, answer: Answer, usage: Usage | None) -> str | None:
        """See `ResponseService.keep`."""
        return await self.service.keep(job, chosen, answer, self, usage)


def told_again(place: str, value: Any) -> str:
    """What a response will repeat, as JSON; raises `Unprocessable` where it is nested too deeply for that."""
    try:
        # As deep as it is in an event.
        orjson.dumps([[[[value]]]])
    except orjson.JSONEncodeError as error:
        raise refused(place, "is nested too deeply") from error
    return orjson.dumps(value).decode()


def unanswered(turns: Sequence[Turn]) -> tuple[Turn, ...]:
    """What the model has said and done since the user last spoke."""
    last = max((at for at, turn in enumerate(turns) if turn.role == "user"), default=-1)
    return tuple(turns[last + 1 :])
