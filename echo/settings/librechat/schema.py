"""The sections of `librechat.yaml`, as LibreChat's own schema has them (`configSchema`, librechat-data-provider).

What Echo uses is declared field by field; what only LibreChat uses stands in `ignored`, so that a misspelt key is
told from one that merely does nothing here. Endpoints have a module of their own.
"""

from typing import Any

from marshmallow import post_load

from echo.settings.endpoints import normal_name
from echo.settings.librechat.endpoint_schema import Endpoints
from echo.settings.librechat.fields import (
    MISSING,
    Flag,
    Link,
    Listed,
    Mapped,
    Named,
    Number,
    OneOrOther,
    Part,
    Pattern,
    Section,
    Text,
    Version,
)
from echo.settings.librechat.mcp_schema import Rules, Server
from echo.settings.librechat.tool_schema import Actions, WebSearch

STRATEGIES = ("local", "s3", "azure_blob", "firebase", "cloudfront")
REFILL_UNITS = ("seconds", "minutes", "hours", "days", "weeks", "months")


class Registration(Section):
    """Who may register."""

    ignored = frozenset({"oauthStateTtlMs", "openidDiscovery"})

    allowedDomains = Listed(Text())
    socialLogins = Listed(Text())


class Limit(Section):
    """Requests in a window, by address and by account."""

    ipMax = Number(minimum=1, whole=True)
    ipWindowInMinutes = Number(minimum=0.02)
    userMax = Number(minimum=1, whole=True)
    userWindowInMinutes = Number(minimum=0.02)


class RateLimits(Section):
    """How often what is costly may be asked for."""

    ignored = frozenset({"tts", "mcpApps", "agentEvents", "emailChange", "emailChangeConfirm"})

    fileUploads = Part(Limit)
    conversationsImport = Part(Limit)
    stt = Part(Limit)


class EndpointFiles(Section):
    """What may be uploaded for one endpoint; sizes in MB."""

    ignored = frozenset({"defaultLLMDeliveryPath", "legacyFileUploadUX", "textFallbackWithoutTools"})

    disabled = Flag()
    fileLimit = Number(whole=True)
    fileSizeLimit = Number()
    totalSizeLimit = Number()
    supportedMimeTypes = Listed(Pattern())


class FileConfig(Section):
    """What may be uploaded; sizes in MB."""

    ignored = frozenset(
        {
            *("skills", "fileTokenLimit", "fileContextSizeLimit", "fileContextCharLimit", "imageGeneration"),
            *("clientImageResize", "codeEnvLivenessSafeWindowMs", "ocr", "text", "stt"),
            *("defaultLLMDeliveryPath", "legacyFileUploadUX", "textFallbackWithoutTools"),
        }
    )

    endpoints = Named(Part(EndpointFiles))
    serverFileSizeLimit = Number()
    avatarSizeLimit = Number()


class FileStrategies(Section):
    """Where files lie, by what they are."""

    ignored = frozenset({"skills"})

    default = Text(one_of=STRATEGIES)
    avatar = Text(one_of=STRATEGIES)
    image = Text(one_of=STRATEGIES)
    document = Text(one_of=STRATEGIES)


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


class Balance(Section):
    """Credits of users."""

    ignored = frozenset({"reservationTtlMs"})

    enabled = Flag(load_default=False)
    startBalance = Number(load_default=20000)
    autoRefillEnabled = Flag(load_default=False)
    refillIntervalValue = Number(load_default=30)
    refillIntervalUnit = Text(one_of=REFILL_UNITS, load_default="days")
    refillAmount = Number(load_default=10000)


class Transactions(Section):
    """Whether it is written down what is used."""

    enabled = Flag(load_default=True)


class ModelSpec(Section):
    """A choice of endpoint, model and parameters under a name."""

    name = Text(required=True)
    label = Text(required=True)
    preset = Mapped(required=True, error_messages={"required": MISSING})
    order = Number(minimum=-(2**31))
    default = Flag()
    softDefault = Flag()
    description = Text()
    group = Text()
    groupIcon = Text()
    showIconInMenu = Flag()
    showIconInHeader = Flag()
    showOnLanding = Flag()
    showInMenu = Flag()
    conversation_starters = Listed(Text())
    iconURL = Text()
    authType = Text()
    hideBadgeRow = Flag()

    ignored = frozenset(
        {
            *("webSearch", "fileSearch", "executeCode", "memory", "askUserQuestion", "runInBackground"),
            *("describeIntent", "artifacts", "mcpServers", "skills", "subagents"),
        }
    )

    @post_load
    def with_normal_endpoint(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """The preset names its endpoint as LibreChat stores it, and as `Endpoints.custom` has it."""
        preset = data["preset"]
        if isinstance(endpoint := preset.get("endpoint"), str):
            preset = {**preset, "endpoint": normal_name(endpoint.strip())}
        return {**data, "preset": preset}


class ModelSpecs(Section):
    """The choices that users are offered."""

    enforce = Flag(load_default=False)
    prioritize = Flag(load_default=True)
    list = Listed(Part(ModelSpec), load_default=[])
    addedEndpoints = Listed(Text())


class PrivacyPolicy(Section):
    """A link."""

    externalUrl = Link()
    openNewTab = Flag()


class TermsOfService(PrivacyPolicy):
    """A link, and a text to be agreed to."""

    modalAcceptance = Flag()
    modalTitle = Text()
    modalContent = OneOrOther(Text(), Listed(Text()), expected="must be text or a list of texts")


class MayUse(Section):
    """Who may use something, make something of it, and share it."""

    use = Flag()
    create = Flag()
    share = Flag()
    public = Flag()


class MayUseServers(MayUse):
    """The same of MCP servers."""

    configureObo = Flag()
    # How LibreChat's client shows them.
    placeholder = Text()
    trustCheckbox = Mapped()


class MayShare(Section):
    """Who may share a conversation."""

    ignored = frozenset({"snapshotFiles"})

    create = Flag()
    share = Flag()
    public = Flag()


class MayPick(Section):
    """Whom one may look for to share with."""

    users = Flag()
    groups = Flag()
    roles = Flag()


class Marketplace(Section):
    """Who sees the marketplace."""

    use = Flag()


def switch(section: type[Section]) -> OneOrOther:
    """A feature: on or off, or what of it."""
    return OneOrOther(Flag(), Part(section), expected="must be true, false or hold keys with values")


class Interface(Section):
    """What a client shows, and what roles may use."""

    # Of features that Echo does not have; `/api/config` says that they are off.
    ignored = frozenset(
        {
            *("generalChatRetention", "retentionMode", "retainAgentFiles"),
            *("contextUsage", "contextCost", "currency"),
            *("schedules", "traceViewer", "buildInfo"),
            *("defaultPinnedTools", "replyNotifications", "endpointsMenu", "sidePanel", "allowedFileTypes"),
        }
    )

    privacyPolicy = Part(PrivacyPolicy)
    termsOfService = Part(TermsOfService)
    customWelcome = Text()
    modelSelect = Flag()
    parameters = Flag()
    multiConvo = Flag()
    presets = Flag()
    bookmarks = Flag()
    feedback = Flag()
    autoSubmitFromUrl = Flag()
    temporaryChatRetention = Number(minimum=1, maximum=8760)
    codeHighlightThrottleMs = Number(whole=True)
    temporaryChat = Flag()
    memories = Flag()
    prompts = switch(MayUse)
    agents = switch(MayUse)
    skills = switch(MayUse)
    sharedLinks = switch(MayShare)
    peoplePicker = Part(MayPick)
    marketplace = Part(Marketplace)
    mcpServers = Part(MayUseServers)
    remoteAgents = Part(MayUse)
    runCode = Flag()
    webSearch = Flag()
    fileSearch = Flag()
    fileCitations = Flag()


class Memory(Section):
    """What chats know of a user."""

    # Of the agent that writes memories, which Echo does not have.
    ignored = frozenset({"agent", "maxInputTokens", "messageWindowSize", "validKeys"})

    disabled = Flag()
    charLimit = Number(minimum=1, whole=True)
    tokenLimit = Number(minimum=1, whole=True)
    personalize = Flag()


class Config(Section):
    """The whole file."""

    ignored = frozenset(
        {
            *(
                "cache",
                "ocr",
                "langfuse",
                "summarization",
                "skillSync",
                "secureImageLinks",
            ),
            *(
                "imageOutputType",
                "mcpAppSandbox",
            ),
            *(
                "turnstile",
                "cloudfront",
                "filters",
            ),
            *("messageFilter", "permissions", "openapi", "emailChange"),
        }
    )

    version = Version(required=True, error_messages={"required": MISSING})
    registration = Part(Registration)
    endpoints = Part(Endpoints)
    modelSpecs = Part(ModelSpecs)
    interface = Part(Interface)
    fileConfig = Part(FileConfig)
    fileStrategy = Text(one_of=STRATEGIES)
    fileStrategies = Part(FileStrategies)
    rateLimits = Part(RateLimits)
    speech = Part(Speech)
    balance = Part(Balance)
    transactions = Part(Transactions)
    memory = Part(Memory)
    mcpServers = Named(Part(Server))
    mcpSettings = Part(Rules)
    webSearch = Part(WebSearch)
    actions = Part(Actions)
    includedTools = Listed(Text())
    filteredTools = Listed(Text())
