"""Azure OpenAI: OpenAI's chat completions at an address for each deployment.

https://learn.microsoft.com/azure/ai-services/openai/reference
"""

from typing import Any
from urllib.parse import quote

from echo.errors import Unprocessable
from echo.providers.chat import ChatRequest
from echo.providers.openai import REASONING, OpenAIDialect, json_headers
from echo.providers.personal import filled
from echo.providers.provider import Access
from echo.providers.transport import Call
from echo.settings import AzureDeployment

# The last one that Microsoft declared stable by date; deployments name their own.
API_VERSION = "2024-10-21"


class AzureDialect(OpenAIDialect):
    """Models are deployments: those of the settings, or at a resource's address those of the models' names."""

    def _deployment(self, request: ChatRequest, access: Access) -> AzureDeployment | None:
        """The deployment of a model. Raises `Unprocessable` where the settings name others only."""
        deployments = {} if access.own_url else self._settings.deployments
        # Without deployments the name becomes a part of the path, where these mean another part.
        known = request.model in deployments if deployments else request.model not in {"", ".", ".."}
        if not known:
            raise Unprocessable("There is no deployment of that model.", code="provider_refused")
        return access.deployment or deployments.get(request.model)

    def _url(self, request: ChatRequest, access: Access) -> str:
        found = self._deployment(request, access)
        if found is None:
            base, version = (
                f"{access.base_url}/openai/deployments/{quote(request.model, safe='')}",
                API_VERSION,
            )
        else:
            base, version = found.base_url.rstrip("/"), found.api_version
        return f"{base}/chat/completions?api-version={quote(version, safe='')}"

    def _headers(self, request: ChatRequest, access: Access) -> dict[str, str]:
        found = self._deployment(request, access)
        key = found.api_key if found and not access.own_key else access.api_key
        common = json_headers({"api-key": key}, self._settings, access, request)
        if found is None:
            return common
        return {**common, **found.headers, **filled(found.personal_headers, request.placeholders)}

    def _parameters(self, request: ChatRequest) -> dict[str, Any]:
        parameters = super()._parameters(request)
        if not REASONING.match(request.model):
            # Older versions of the API know the older name only.
            parameters["max_tokens"] = parameters.pop(self.max_tokens_name)
        return parameters

    def models(self, access: Access) -> Call | None:
        """Nothing to ask: a resource's key cannot list its deployments."""
        return None
