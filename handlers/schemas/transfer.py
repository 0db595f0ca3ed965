"""What an import did, by the names that the contract gives it."""

from typing import Any

from marshmallow import Schema, fields

from handlers.schemas.base import Output, Text, Whole

# LibreChat's client shows its own text; this one is for programs and people without it.
MESSAGE = "Conversations imported."


class ProblemSchema(Schema):
    """Something that was left out."""

    conversation = Text()
    reason = Text()


class SummarySchema(Output):
    """The counts of an import as the contract's ImportSummary."""

    message = Text(dump_default=MESSAGE)
    created = Whole()
    completed = Whole()
    unchanged = Whole()
    skipped = Whole()
    messages_added = Whole(data_key="messagesAdded", attribute="messages_added")
    messages_present = Whole(data_key="messagesPresent", attribute="messages_present")
    problems: Any = fields.List(fields.Nested(ProblemSchema))


summary = SummarySchema()
