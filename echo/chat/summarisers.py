"""Who summarises what an answerer has no room for, and how: as the operator says in `summarization`."""

from collections.abc import Mapping
from dataclasses import replace

from echo.chat.prepared import Asking
from echo.chat.request import request_of, settle
from echo.chat.senders import provider_name
from echo.chat.sides import Side, Sides
from echo.chat.summaries import MOST_TOKENS, PROMPT, Summarising
from echo.chat.variables import Variables
from echo.errors import ApiError
from echo.settings.agents import SummarySettings

NO_COUNTS: Mapping[str, int] = dict.fromkeys(("system", "messages", "window", "budget", "before", "count"), 0)


class Summarisers:
    """Finds who summarises, with the keys of who asks; for threads."""

    def __init__(self, sides: Sides, rules: SummarySettings) -> None:
        self._sides = sides
        self._rules = rules

    def of(self, owner: str, side: Side, variables: Variables, question_id: str) -> Summarising | None:
        """For one answerer, and what is before a question: by the model that the operator names, or else by its own.

        None where nothing is to be summarised.
        """
        rules = self._rules
        if not rules.enabled:
            return None
        chosen, model = side.chosen, rules.model or side.model
        if rules.endpoint is not None and rules.endpoint != chosen.name:
            try:
                chosen = self._sides.endpoint(owner, rules.endpoint)
            except ApiError:
                # There is no key for it: the model that answers knows its own chat.
                model = side.model
        settled = settle(rules.parameters, [])
        most = settled.max_tokens or rules.max_tokens or MOST_TOKENS
        settled = replace(settled, system=rules.prompt or PROMPT, max_tokens=most)
        asking = Asking(
            chosen.provider,
            replace(request_of(settled, model, ()), placeholders=variables.headers(chosen.settings)),
            chosen.credentials,
            NO_COUNTS,
            side.agent_id,
            provider_name(chosen.settings),
            endpoint=chosen.name,
        )
        return Summarising(asking, question_id, rules.trigger, rules.update_prompt)
