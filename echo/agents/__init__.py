"""Agents: models with instructions, files and a name, which their makers share."""

from echo.agents.endpoint import agents_endpoint
from echo.agents.service import Agents

__all__ = ["Agents", "agents_endpoint"]
