"""Balances: LibreChat's fields, and nothing of what runs hold at this moment."""

from collections.abc import Mapping
from typing import Any

from handlers.schemas.base import Flag, Identifier, Moment, Number, Output, Text


class BalanceSchema(Output):
    """A document of `balances` as the contract's TBalance."""

    user = Identifier()
    token_credits = Number(data_key="tokenCredits", dump_default=0)
    auto_refill_enabled = Flag(data_key="autoRefillEnabled", dump_default=False)


class RefilledSchema(BalanceSchema):
    """The same of one that is filled up by itself."""

    refill_interval_value = Number(data_key="refillIntervalValue")
    refill_interval_unit = Text(data_key="refillIntervalUnit")
    last_refill = Moment(data_key="lastRefill")
    refill_amount = Number(data_key="refillAmount")


_plain, _refilled = BalanceSchema(), RefilledSchema()


def balance(document: Mapping[str, Any]) -> dict[str, Any]:
    """A balance as LibreChat shows it: how it is filled up only where it is."""
    return (_refilled if document.get("autoRefillEnabled") is True else _plain).dump_one(document)
