"""What users may spend, what models cost, and what was used."""

from echo.credits.service import Credits, OutOfCredits
from echo.credits.transactions import Purchase, Spent

__all__ = ["Credits", "OutOfCredits", "Purchase", "Spent"]
