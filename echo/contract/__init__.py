"""The contract: `openapi.json` loaded, compiled, and held over every request and response."""
