"""The section `speech.stt`."""

from urllib.parse import quote

from echo.settings.addresses import is_web_address
from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.document import Place
from echo.settings.librechat.fields import Loaded
from echo.settings.model import USER_PROVIDED, SpeechSettings

LEFT_OUT = "the service is not used"


def with_speech(config: ConfigFile, speech: SpeechSettings) -> SpeechSettings:
    """The service that the file names, where it names one; the environment's otherwise."""
    stt = config.section("speech").get("stt", {})
    openai, azure = stt.get("openai"), stt.get("azureOpenAI")
    if openai and azure:
        config.refuse(("speech", "stt"), "must name one service only")
    if openai:
        return _openai(config, ("speech", "stt", "openai"), openai, speech)
    if azure:
        return _azure(config, ("speech", "stt", "azureOpenAI"), azure, speech)
    return speech


def _openai(config: ConfigFile, place: Place, own: Loaded, speech: SpeechSettings) -> SpeechSettings:
    key = _key(config, place, own)
    url = config.expand((*place, "url"), own.get("url"), LEFT_OUT) or speech.url
    if not is_web_address(url):
        config.refuse((*place, "url"), "must be an http or https URL")
    if key is None:
        return speech
    return SpeechSettings(speech.mode, url, own.get("model") or speech.model, key)


def _azure(config: ConfigFile, place: Place, own: Loaded, speech: SpeechSettings) -> SpeechSettings:
    key = _key(config, place, own)
    instance, deployment, version = (
        config.expand((*place, name), own[name], LEFT_OUT)
        for name in ("instanceName", "deploymentName", "apiVersion")
    )
    if not (key and instance and deployment and version):
        return speech
    host = instance if "." in instance else f"{instance}.openai.azure.com"
    url = (
        f"https://{host}/openai/deployments/{quote(deployment, safe='')}/audio/transcriptions"
        f"?api-version={quote(version, safe='')}"
    )
    return SpeechSettings(speech.mode, url, speech.model, key, azure=True)


def _key(config: ConfigFile, place: Place, own: Loaded) -> str | None:
    key = config.expand((*place, "apiKey"), own["apiKey"], LEFT_OUT)
    return None if key == USER_PROVIDED else key or None
