"""The section `speech`."""

from urllib.parse import quote

from echo.settings.addresses import is_web_address
from echo.settings.endpoints import USER_PROVIDED, AzureDeployment, ProviderSettings
from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.document import Place
from echo.settings.librechat.fields import Loaded
from echo.settings.model import SpeechSettings

OPENAI, SPOKEN = "https://api.openai.com/v1", "/audio/speech"
# As the limits of API keys call it, and the server's own speech recognition.
VOICE = "speech"
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


def read_voice(config: ConfigFile) -> ProviderSettings | None:
    """The service of `speech.tts` that speaks, as an endpoint that has its model alone; None where there is none."""
    tts = config.section("speech").get("tts", {})
    openai, azure = tts.get("openai"), tts.get("azureOpenAI")
    if openai and azure:
        config.refuse(("speech", "tts"), "must name one service only")
    if openai:
        return _openai_voice(config, ("speech", "tts", "openai"), openai)
    if azure:
        return _azure_voice(config, ("speech", "tts", "azureOpenAI"), azure)
    return None


def read_voices(config: ConfigFile) -> tuple[str, ...]:
    """The voices that the file lists for its service; LibreChat's word for all of them is none."""
    tts = config.section("speech").get("tts", {})
    listed = (tts.get("openai") or tts.get("azureOpenAI") or {}).get("voices", ())
    return tuple(dict.fromkeys(each for each in listed if each and each.upper() != "ALL"))


def _openai_voice(config: ConfigFile, place: Place, own: Loaded) -> ProviderSettings | None:
    key = _key(config, place, own)
    url = config.expand((*place, "url"), own.get("url"), LEFT_OUT) or f"{OPENAI}{SPOKEN}"
    if not is_web_address(url) or not url.endswith(SPOKEN):
        config.refuse((*place, "url"), f"must be an http or https URL that ends with {SPOKEN}")
    base = url.removesuffix(SPOKEN)
    return None if key is None else ProviderSettings(VOICE, "custom", (own["model"],), key, base_url=base)


def _azure_voice(config: ConfigFile, place: Place, own: Loaded) -> ProviderSettings | None:
    key = _key(config, place, own)
    base, version = _azure_place(config, place, own)
    if not (key and base and version):
        return None
    deployment = AzureDeployment(base, version, key)
    return ProviderSettings(VOICE, "azure", (own["model"],), deployments={own["model"]: deployment})


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
    base, version = _azure_place(config, place, own)
    if not (key and base and version):
        return speech
    url = f"{base}/audio/transcriptions?api-version={quote(version, safe='')}"
    return SpeechSettings(speech.mode, url, speech.model, key, azure=True)


def _azure_place(config: ConfigFile, place: Place, own: Loaded) -> tuple[str, str]:
    """Address and API version of a deployment; empty where one of them is not there."""
    instance, deployment, version = (
        config.expand((*place, name), own[name], LEFT_OUT)
        for name in ("instanceName", "deploymentName", "apiVersion")
    )
    if not (instance and deployment and version):
        return "", ""
    host = instance if "." in instance else f"{instance}.openai.azure.com"
    return f"https://{host}/openai/deployments/{quote(deployment, safe='')}", version


def _key(config: ConfigFile, place: Place, own: Loaded) -> str | None:
    key = config.expand((*place, "apiKey"), own["apiKey"], LEFT_OUT)
    return None if key == USER_PROVIDED else key or None
