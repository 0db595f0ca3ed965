"""Where providers are, from what operators write: LibreChat takes a base as well as the address of one operation."""

import re

# What may stand behind the base of each protocol.
_BEHIND = {
    "openai": re.compile(r"(/chat/completions|/completions|/responses|/models|/assistants)$"),
    "anthropic": re.compile(r"(/v1)?(/messages|/complete)?$"),
    "google": re.compile(r"/v1(alpha|beta)?(/models)?$"),
}
# The last one that Microsoft declared stable by date.
AZURE_VERSION = "2024-10-21"


def is_web_address(text: str) -> bool:
    """Whether it is an http or https URL with a host and nothing that could be mistaken."""
    return re.fullmatch(r"https?://[^\s/@?#\\]+(/[^\s?#\\]*)?", text, re.IGNORECASE) is not None


def base_of(protocol: str, address: str) -> str:
    """The base URL that the protocol's client appends its paths to."""
    behind = _BEHIND.get("openai" if protocol in ("custom", "assistants") else protocol)
    stripped = address.strip().rstrip("/")
    return behind.sub("", stripped).rstrip("/") if behind else stripped


def azure_base(base_url: str | None, instance: str, deployment: str) -> str:
    """Where a deployment is: by the instance's name, or at a base URL in which both names may be left open."""
    if base_url:
        named = base_url.replace("${INSTANCE_NAME}", instance).replace("${DEPLOYMENT_NAME}", deployment)
        return named.rstrip("/")
    host = instance if "." in instance else f"{instance}.openai.azure.com"
    return f"https://{host}/openai/deployments/{deployment}"
