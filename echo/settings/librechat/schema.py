"""The sections of `librechat.yaml`, as LibreChat's own schema has them (`configSchema`, librechat-data-provider).

What Echo uses is declared field by field; what only LibreChat uses stands in `ignored`, so that a misspelt key is
told from one that merely does nothing here. Endpoints, speech, model specs and the parts of `interface` have modules
of their own.
"""

from echo.settings.librechat.endpoint_schema import Endpoints
from echo.settings.librechat.fields import (
    MISSING,
    Flag,
    Listed,
    Mapped,
    Named,
    Number,
    Part,
    Pattern,
    Section,
    Text,
    Version,
)
from echo.settings.librechat.interface_schema import (
    Currency,
    Marketplace,
    MayPick,
    MayShare,
    MayUse,
    MayUseServers,
    PrivacyPolicy,
    TermsOfService,
    switch,
)
from echo.settings.librechat.mcp_schema import Rules, Server
from echo.settings.librechat.model_spec_schema import ModelSpecs
from echo.settings.librechat.speech_schema import Speech
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

    ignored = frozenset({"mcpApps", "agentEvents", "emailChange", "emailChangeConfirm"})

    fileUploads = Part(Limit)
    conversationsImport = Part(Limit)
    stt = Part(Limit)
    tts = Part(Limit)


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


class Interface(Section):
    """What a client shows, and what roles may use."""

    # Of features that Echo does not have; `/api/config` says that they are off.
    ignored = frozenset(
        {
            *("generalChatRetention", "retentionMode", "retainAgentFiles"),
            *("schedules", "traceViewer"),
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
    contextUsage = Flag()
    contextCost = Flag()
    currency = Part(Currency)
    buildInfo = Flag()
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


class MemoryAgent(Section):
    """Who writes memories: an agent that is there, or a model."""

    enabled = Flag()
    id = Text()
    provider = Text()
    model = Text()
    instructions = Text()
    model_parameters = Mapped()


class Memory(Section):
    """What chats know of a user."""

    agent = Part(MemoryAgent)
    maxInputTokens = Number(minimum=1, whole=True)
    messageWindowSize = Number(minimum=1, whole=True)

    disabled = Flag()
    charLimit = Number(minimum=1, whole=True)
    tokenLimit = Number(minimum=1, whole=True)
    personalize = Flag()
    validKeys = Listed(Text())


class Trigger(Section):
    """When there is a summary of what has no room."""

    type = Text(one_of=("token_ratio", "remaining_tokens", "messages_to_refine"), required=True)
    value = Number(required=True)


class ContextPruning(Section):
    """Old results of tools that are shortened."""

    enabled = Flag()
    keepLastAssistants = Number(maximum=10)
    softTrimRatio = Number(maximum=1)
    hardClearRatio = Number(maximum=1)
    minPrunableToolChars = Number()


class RetainRecent(Section):
    """What stays of a chat as it is."""

    turns = Number(maximum=20)
    tokens = Number(minimum=1)


class Summarization(Section):
    """Summaries of what a model has no room for."""

    parameters = Mapped()
    trigger = Part(Trigger)
    updatePrompt = Text()
    reserveRatio = Number(maximum=1)
    contextPruning = Part(ContextPruning)
    retainRecent = Part(RetainRecent)
    enabled = Flag()
    provider = Text()
    model = Text()
    prompt = Text()
    maxSummaryTokens = Number(minimum=1)


class Config(Section):
    """The whole file."""

    ignored = frozenset(
        {
            *(
                "cache",
                "ocr",
                "langfuse",
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
    summarization = Part(Summarization)
    mcpServers = Named(Part(Server))
    mcpSettings = Part(Rules)
    webSearch = Part(WebSearch)
    actions = Part(Actions)
    includedTools = Listed(Text())
    filteredTools = Listed(Text())
