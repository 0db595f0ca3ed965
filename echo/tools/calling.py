"""Running the calls of one round, all at once: each to its end, its time limit, or the end of the run."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence

import orjson
import structlog

from echo.providers.chat import ToolCall
from echo.tools.limits import LoopLimits
from echo.tools.loop_events import CallDone
from echo.tools.results import Results
from echo.tools.tool import Called, RunTool, ToolFailure, ToolOutput

log = structlog.get_logger(__name__)

Numbered = tuple[str, ToolCall]
# A tool's name and the arguments as the model wrote them.
Key = tuple[str, str]


class Calling:
    """The calls of one loop. It raises for nothing that a tool or a model does: that becomes a result."""

    def __init__(self, tools: Sequence[RunTool], limits: LoopLimits) -> None:
        self._tools: Mapping[str, RunTool] = {tool.spec.name: tool for tool in tools}
        self._limits = limits
        self._results = Results(limits)
        self._made = 0
        # How often a call gave the same one after the other, and what that was.
        self._same: dict[Key, tuple[int, int]] = {}
        self.refused = 0

    async def run(self, calls: Sequence[Numbered]) -> AsyncGenerator[CallDone, None]:
        """The calls as they come to something; closing the iterator cancels those that have not."""
        gate = asyncio.Semaphore(self._limits.working_at_once)
        running = {asyncio.ensure_future(self._one(number, *each, gate)) for number, each in enumerate(calls)}
        try:
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for each in done:
                    yield each.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _one(self, number: int, step_id: str, call: ToolCall, gate: asyncio.Semaphore) -> CallDone:
        async with gate:
            began = time.monotonic()
            output = self._results.bounded(await self._output(number, step_id, call))
            return CallDone(step_id, call, output, time.monotonic() - began)

    async def _output(self, number: int, step_id: str, call: ToolCall) -> ToolOutput:
        tool, arguments = self._tools.get(call.name), arguments_of(call.arguments)
        if number >= self._limits.calls_at_once:
            return failed(f"No more than {self._limits.calls_at_once} tools can be called at once.")
        if self._made >= self._limits.calls:
            return failed(f"No more than {self._limits.calls} tools can be called in one answer.")
        if tool is None:
            return failed(f'There is no tool "{call.name[:100]}".')
        if arguments is None:
            return failed("The arguments are not a JSON object; the tool was not called.")
        key = call.name, call.arguments
        if self._same.get(key, (0, 0))[0] >= self._limits.repeats:
            self.refused += 1
            return failed("The tool was called like this before, again and again, and gave the same.")
        self._made += 1
        output = await self._call(tool, Called(call.id, arguments, step_id))
        self._note(key, output)
        return output

    def _note(self, key: Key, output: ToolOutput) -> None:
        gave = hash((output.content, output.is_error))
        times, before = self._same.get(key, (0, 0))
        self._same[key] = (times + 1 if times and gave == before else 1, gave)

    async def _call(self, tool: RunTool, called: Called) -> ToolOutput:
        seconds = tool.seconds or self._limits.call_seconds
        try:
            async with asyncio.timeout(seconds):
                return await tool.call(called)
        except ToolFailure as error:
            return failed(str(error) or "The tool failed.")
        except TimeoutError:
            return failed(f"The tool did not answer within {seconds:g} seconds.")
        except Exception as error:
            log.warning("a tool failed", tool=tool.spec.name[:100], cause=repr(error)[:500])
            return failed("The tool failed.")


def arguments_of(text: str) -> dict[str, object] | None:
    """The arguments as an object; None for what is none. Where a model writes nothing at all it means no argument."""
    try:
        value = orjson.loads(text) if text.strip() else {}
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def failed(sentence: str) -> ToolOutput:
    """The output of a call that came to nothing; LibreChat's clients know it by its first word."""
    return ToolOutput.of_text(
        sentence if sentence.startswith("Error") else f"Error: {sentence}", is_error=True
    )
