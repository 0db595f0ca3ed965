"""The section `speech` of `librechat.yaml`."""

from echo.settings.librechat.fields import Part, Section, Text


class SttOpenai(Section):
    """A service that speaks OpenAI's protocol."""

    ignored = frozenset({"apiKeyPreview"})

    url = Text()
    apiKey = Text(required=True)
    model = Text()


class SttAzure(Section):
    """A deployment of Whisper at Azure OpenAI."""

    ignored = frozenset({"apiKeyPreview"})

    instanceName = Text(required=True)
    apiKey = Text(required=True)
    deploymentName = Text(required=True)
    apiVersion = Text(required=True)


class Stt(Section):
    """Speech to text."""

    ignored = frozenset({"allowedAddresses"})

    openai = Part(SttOpenai)
    azureOpenAI = Part(SttAzure)


class TtsOpenai(Section):
    """A service that speaks by OpenAI's protocol."""

    ignored = frozenset({"apiKeyPreview", "voices"})

    url = Text()
    apiKey = Text(required=True)
    model = Text(required=True)


class TtsAzure(Section):
    """A deployment of a model that speaks at Azure OpenAI."""

    ignored = frozenset({"apiKeyPreview", "voices"})

    instanceName = Text(required=True)
    apiKey = Text(required=True)
    deploymentName = Text(required=True)
    apiVersion = Text(required=True)
    model = Text(required=True)


class Tts(Section):
    """Text to speech."""

    ignored = frozenset({"allowedAddresses", "elevenlabs", "localai"})

    openai = Part(TtsOpenai)
    azureOpenAI = Part(TtsAzure)


class Speech(Section):
    """Speech."""

    ignored = frozenset({"speechTab"})

    stt = Part(Stt)
    tts = Part(Tts)
