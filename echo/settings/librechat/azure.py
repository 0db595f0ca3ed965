"""The groups of `endpoints.azureOpenAI`: which models there are, and where each of them is."""

from collections.abc import Iterator
from dataclasses import replace

from echo.settings.addresses import AZURE_VERSION, azure_base, is_web_address
from echo.settings.endpoints import USER_PROVIDED, AzureDeployment, ProviderSettings
from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.document import Place
from echo.settings.librechat.fields import Loaded
from echo.settings.librechat.headers import read_headers

LEFT_OUT = "the group is left out"
LATER = {"${INSTANCE_NAME}": "\0instance", "${DEPLOYMENT_NAME}": "\0deployment"}


def read_azure(config: ConfigFile, provider: ProviderSettings, azure: Loaded) -> ProviderSettings:
    """Azure OpenAI with the deployments of all groups, and none of the environment's."""
    found: dict[str, AzureDeployment] = {}
    groups: set[str] = set()
    users = False
    for index, group in enumerate(azure["groups"]):
        place: Place = ("endpoints", "azureOpenAI", "groups", index)
        if group["group"] in groups:
            config.refuse((*place, "group"), "stands in the list twice")
        groups.add(group["group"])
        key = config.expand((*place, "apiKey"), group["apiKey"], LEFT_OUT)
        users = users or key == USER_PROVIDED
        for name, deployment in _deployments(config, place, group, key) if key else ():
            # In another group already: both are used, in turn.
            first = found.get(name)
            found[name] = replace(first, others=(*first.others, deployment)) if first else deployment
    return replace(
        provider,
        api_key=None,
        models=tuple(found),
        deployments=found,
        user_provides_key=users,
    )


def _deployments(
    config: ConfigFile, place: Place, group: Loaded, key: str
) -> Iterator[tuple[str, AzureDeployment]]:
    serverless = group["serverless"]
    lacking = "baseURL" if serverless else "instanceName"
    if not group.get(lacking):
        config.refuse((*place, lacking), "is missing")
        return
    instance = config.expand((*place, "instanceName"), group.get("instanceName"), LEFT_OUT)
    base_url = _base_url(config, (*place, "baseURL"), group.get("baseURL"))
    if (group.get("baseURL") and not base_url) or not (instance or serverless):
        return
    headers = read_headers(config, (*place, "additionalHeaders"), group.get("additionalHeaders", {}))
    for name, model in group["models"].items():
        own = {**group, **model} if isinstance(model, dict) else group
        here: Place = (*place, "models", name)
        deployment = config.expand(here, own.get("deploymentName"), LEFT_OUT)
        version = config.expand(here, own.get("version"), LEFT_OUT)
        if serverless:
            base = str(base_url)
        elif own.get("deploymentName") and own.get("version"):
            base = azure_base(base_url, str(instance), str(deployment))
        else:
            config.refuse(here, "lacks deploymentName or version, here or in its group")
            continue
        api_key = "" if key == USER_PROVIDED else key
        yield name, AzureDeployment(base, version or AZURE_VERSION, api_key, *headers)


def _base_url(config: ConfigFile, place: Place, text: str | None) -> str | None:
    """The base URL of a group, in which two names are left open until the deployment is known."""
    if text is None:
        return None
    for name, mark in LATER.items():
        text = text.replace(name, mark)
    expanded = config.expand(place, text, LEFT_OUT)
    if expanded is None:
        return None
    for name, mark in LATER.items():
        expanded = expanded.replace(mark, name)
    if not is_web_address(expanded):
        config.refuse(place, "must be an http or https URL")
        return None
    return expanded.rstrip("/")
