"""The contract: `openapi.json` loaded, compiled, and held over every request and response."""

import warnings

# Connexion imports Starlette's test client wherever it is imported, and that warns about its own dependency.
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient`")
