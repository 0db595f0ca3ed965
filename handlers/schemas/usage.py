"""Sums of what was used."""

from collections.abc import Sequence

from marshmallow import fields

from echo.credits.usage import Asked, day_of
from handlers.schemas.base import Flag, Number, Output, Text, Whole


class TotalsSchema(Output):
    """Sums as the contract's UsageTotals."""

    requests = Whole(dump_default=0)
    input_tokens = Whole(data_key="inputTokens", dump_default=0)
    cache_read_tokens = Whole(data_key="cacheReadTokens", dump_default=0)
    cache_write_tokens = Whole(data_key="cacheWriteTokens", dump_default=0)
    output_tokens = Whole(data_key="outputTokens", dump_default=0)
    dollars = Number(dump_default=0)


class RowSchema(TotalsSchema):
    """A row as the contract's UsageRow."""

    day = Text()
    user = Text()
    email = Text()
    model = Text()
    endpoint = Text()
    key = Text()
    context = Text()


class UsageSchema(Output):
    """A report as the contract's Usage."""

    from_ = Text(data_key="from")
    to = Text()
    rows = fields.List(fields.Nested(RowSchema()))
    totals = fields.Nested(TotalsSchema())
    complete = Flag()


usage = UsageSchema()


def asked(since: str | None, until: str | None, by: Sequence[str], limit: int, **only: str | None) -> Asked:
    """What is asked for; raises `InvalidRequest` for a day that no calendar has."""
    values = {name: value for name, value in only.items() if value is not None}
    return Asked(day_of(since, "from"), day_of(until, "to"), tuple(by), values, limit)
