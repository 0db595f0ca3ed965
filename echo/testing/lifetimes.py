"""How things come and go that Schemathesis cannot see by their paths.

It takes a thing for deleted where the path of a deletion begins like the path of the thing. Echo, like LibreChat, has
things that go with others, that end by themselves, or that are another one by a parameter of the query.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import dropwhile, takewhile
from typing import Any

from schemathesis import Case, CheckContext

# By what makes a thing: what takes it away under a path of its own, where it says an id of the thing.
TAKEN_AWAY = {
    # A conversation takes its messages with it.
    "POST /api/messages/{conversationId}": {
        "DELETE /api/convos/{conversationId}",
        "DELETE /api/convos",
    },
    # A group of prompts goes with its last version.
    "POST /api/prompts": {"DELETE /api/prompts/{promptId}"},
    # A role may get another name, by which its permissions are then found.
    "POST /api/admin/roles": {"PATCH /api/admin/roles/{roleName}"},
}
# The same, whatever it says.
ALL_TAKEN_AWAY = {"POST /api/messages/{conversationId}": {"DELETE /api/convos/all"}}
# What comes to its end by itself: a run that has ended cannot be aborted.
ENDS_BY_ITSELF = {"POST /api/agents/chat/abort"}
# By what deletes a thing: what makes it anew, or gives its name to another one, where it says its id.
MADE_ANEW = {
    "DELETE /api/convos/{conversationId}": {"POST /api/messages/{conversationId}"},
    "DELETE /api/admin/roles/{roleName}": {"PATCH /api/admin/roles/{roleName}"},
    "DELETE /api/memories/{memoryKey}": {"PATCH /api/memories/{memoryKey}"},
    "DELETE /api/tags/{tag}": {"PUT /api/tags/{tag}", "PUT /api/tags/convo/{conversationId}"},
}
# Who asks with another value of these in the query asks for another thing.
OTHER_BY = ("agentId",)


def was_taken_away(ctx: CheckContext, last: Case[Any]) -> bool:
    """Whether what the request before `last` made was gone by then, or was never to be found."""
    creation = ctx.internals.find_parent(case_id=last.id)
    created = ctx.internals.find_response(case_id=creation.id) if creation else None
    if creation is None or created is None:
        return False
    if last.operation.label in ENDS_BY_ITSELF or _was_not_kept(creation) or _is_a_guess(ctx, last):
        return True
    ids = [*_ids(created.json()), *(creation.path_parameters or {}).values()]
    takers, of_all = (table.get(creation.operation.label, set()) for table in (TAKEN_AWAY, ALL_TAKEN_AWAY))
    return any(
        other.operation.label in of_all or (other.operation.label in takers and _says(other, ids))
        for other in _succeeded(ctx, creation.id, last.id)
    )


def was_made_anew(ctx: CheckContext, deleted: str | None, last: Case[Any]) -> bool:
    """Whether the thing of `last` was there again after a deletion, or is another one than was deleted."""
    deletion = next((case for case in ctx.internals.find_all_cases() if case.id == deleted), None)
    if deletion is None:
        return False
    if any((deletion.query or {}).get(name) != (last.query or {}).get(name) for name in OTHER_BY):
        return True
    makers = MADE_ANEW.get(deletion.operation.label, set())
    ids = [*(deletion.path_parameters or {}).values()]
    return any(
        other.operation.label in makers and _says(other, ids)
        for other in _succeeded(ctx, deletion.id, last.id)
    )


def _says(case: Case[Any], ids: Sequence[Any]) -> bool:
    """Whether a request has one of these in its path, query or body."""
    said = json.dumps([case.path_parameters, case.query, case.body], default=str)
    return any(json.dumps(each) in said for each in ids)


def _was_not_kept(creation: Case[Any]) -> bool:
    """Of a response of `/v1` that was not to be stored only its answer is left."""
    return isinstance(creation.body, dict) and creation.body.get("store") is False


def _is_a_guess(ctx: CheckContext, case: Case[Any]) -> bool:
    """Whether Schemathesis took a value for a parameter by its name alone: no link of the document says so.

    An agent's `_id` is no id of an action.
    """
    recorder = ctx.internals.recorder
    node = recorder.cases.get(case.id) if recorder else None
    return node is not None and node.transition is not None and node.transition.is_inferred


def _ids(answer: Any) -> Iterator[str]:
    """The values of an answer that are ids or names."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            if isinstance(value, str) and name in ("_id", "id", "name"):
                yield value
            yield from _ids(value)


def _succeeded(ctx: CheckContext, first: str, last: str) -> Iterator[Case[Any]]:
    """The requests between two that succeeded."""
    for case in _between(ctx.internals.find_all_cases(), first, last):
        answer = ctx.internals.find_response(case_id=case.id)
        if answer is not None and answer.status_code < 300:
            yield case


def _between(cases: Iterable[Case[Any]], first: str, last: str) -> Iterator[Case[Any]]:
    """The cases from one to another, without the two."""
    return (
        case
        for case in takewhile(lambda case: case.id != last, dropwhile(lambda case: case.id != first, cases))
        if case.id != first
    )
