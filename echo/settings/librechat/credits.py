"""The sections `balance` and `transactions`, and LibreChat's older variables for balances."""

from typing import Any

from echo.settings.librechat.config import ConfigFile
from echo.settings.model import CreditSettings
from echo.settings.reader import Reader

REFILL = ("refillIntervalValue", "refillIntervalUnit", "refillAmount")


def read_credits(config: ConfigFile, reader: Reader) -> CreditSettings:
    """What holds: all of it is the file's, if that has a `balance`, as in LibreChat."""
    said = balance_of(config, reader)
    enabled = bool(said["enabled"])
    counting = bool(config.section("transactions").get("enabled", True))
    if enabled and not counting:
        config.warn(("transactions", "enabled"), "has no effect: balances need what is used written down")
    refills = enabled and said.get("autoRefillEnabled")
    return CreditSettings(
        enabled=enabled,
        counting=counting or enabled,
        start=said.get("startBalance"),
        refill={"autoRefillEnabled": True, **{name: said.get(name) for name in REFILL}} if refills else {},
    )


def balance_of(config: ConfigFile, reader: Reader) -> dict[str, Any]:
    """The settings of balances as clients are told them."""
    start, is_on = reader.whole("START_BALANCE", 0, minimum=0), reader.flag("CHECK_BALANCE", False)
    if said := config.section("balance"):
        return dict(said) if said.get("enabled") else {"enabled": False}
    # Without a start nobody gets a balance by registering, as in LibreChat: the operator gives them.
    is_said = is_on and reader.value("START_BALANCE") is not None
    return {"enabled": is_on, **({"startBalance": start} if is_said else {})}
