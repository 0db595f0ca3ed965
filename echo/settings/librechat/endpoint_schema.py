"""The section `endpoints` of `librechat.yaml`."""

from echo.settings.librechat.fields import (
    Flag,
    Headers,
    Listed,
    Mapped,
    Named,
    Number,
    OneOrOther,
    Part,
    Section,
    Text,
    Version,
)

# Of every kind of endpoint.
_COMMON_IGNORED = frozenset(
    {
        *("streamRate", "titlePrompt", "titleMethod", "titleEndpoint", "titlePromptTemplate", "titleTiming"),
        *("activityLabel", "activityModel", "activityEndpoint", "activityPrompt", "activityMaxPerRun"),
        *("activityCharLimit", "activityPhaseLabel", "activityPhaseModel", "activityPhaseEndpoint"),
        *("activityPhasePrompt", "activityPhaseMaxPerRun", "reasoningLabel", "reasoningLabelModel"),
        *(
            "reasoningLabelEndpoint",
            "reasoningLabelPrompt",
            "reasoningLabelMinChars",
            "reasoningLabelUpdateChars",
        ),
        *("reasoningLabelUpdateIntervalMs", "reasoningLabelMaxPerRun", "apiKeyPreview"),
        # Of older versions.
        *("summarize", "summaryModel", "forcePrompt", "plugins"),
    }
)


class Titles(Section):
    """What every endpoint can say of titles, and of the results of tools."""

    ignored = _COMMON_IGNORED

    titleConvo = Flag()
    titleModel = Text()
    maxToolResultChars = Number(minimum=1)


class All(Titles):
    """For all endpoints; wins over what they say themselves."""

    headers = Headers()


class TokenPrices(Section):
    """What a model costs, in US dollars per million tokens, and how many it takes."""

    context = Number(minimum=1)
    prompt = Number()
    completion = Number()
    cacheRead = Number()
    cacheWrite = Number()


class BuiltIn(All):
    """OpenAI, Google."""

    baseURL = Text()
    # LibreChat has it for endpoints that the operator adds.
    tokenConfig = Named(Part(TokenPrices))


class Anthropic(BuiltIn):
    """Anthropic."""

    ignored = _COMMON_IGNORED | {"vertex"}

    models = Listed(Text())


class Bedrock(BuiltIn):
    """Bedrock."""

    ignored = _COMMON_IGNORED | {"availableRegions", "guardrailConfig", "inferenceProfiles"}

    models = Listed(Text())


class Model(Section):
    """A model with a description."""

    ignored = frozenset({"description"})

    name = Text(required=True)


class Models(Section):
    """The models of an endpoint."""

    ignored = frozenset({"userIdQuery"})

    default = Listed(OneOrOther(Text(), Part(Model), expected="must be the name of a model"))
    fetch = Flag()


class Assistants(BuiltIn):
    """OpenAI's assistants."""

    ignored = _COMMON_IGNORED | {
        *("disableBuilder", "pollIntervalMs", "timeoutMs", "version", "supportedIds", "excludedIds"),
        *("privateAssistants", "retrievalModels", "capabilities"),
    }

    apiKey = Text()
    models = Part(Models)


class AzureModel(Section):
    """Where a group has one model."""

    ignored = frozenset({"assistants"})

    deploymentName = Text()
    version = Version()


class AzureGroup(Section):
    """Models of one resource, with one key."""

    ignored = frozenset({"assistants", "addParams", "dropParams", "plugins"})

    group = Text(required=True)
    apiKey = Text(required=True)
    models = Named(
        OneOrOther(Flag(), Part(AzureModel), expected="must be true, or hold deploymentName and version"),
        required=True,
        error_messages={"required": "is missing"},
    )
    serverless = Flag(load_default=False)
    instanceName = Text()
    deploymentName = Text()
    version = Version()
    baseURL = Text()
    additionalHeaders = Headers()


class Azure(Titles):
    """Azure OpenAI."""

    ignored = _COMMON_IGNORED | {"assistants"}

    groups = Listed(Part(AzureGroup), required=True)
    tokenConfig = Named(Part(TokenPrices))


class Custom(BuiltIn):
    """An endpoint that the operator adds. LibreChat leaves an incomplete one out, so nothing is required."""

    ignored = _COMMON_IGNORED | {"customParams", "directEndpoint", "titleMessageRole"}

    name = Text()
    # Several are Echo's own: they are used in turn.
    apiKey = OneOrOther(Text(), Listed(Text()), expected="must be text, or a list of texts")
    models = Part(Models)
    provider = Text(one_of=("anthropic",))
    iconURL = Text()
    modelDisplayLabel = Text()
    addParams = Mapped()
    dropParams = Listed(Text())
    # Echo's own; LibreChat passes it over.
    thinkTags = Flag()


class LastingSessions(Section):
    """Who may share the session of a program that lasts."""

    allowedEnvironments = Listed(Text(one_of=("user", "agent-user", "conversation")))


class Agents(Section):
    """Agents, which ask the other endpoints."""

    ignored = _COMMON_IGNORED | {
        *("skills", "remoteApi", "toolApproval", "checkpointer"),
    }

    maxCitations = Number(minimum=1, maximum=50, whole=True)
    maxCitationsPerFile = Number(minimum=1, maximum=10, whole=True)
    minRelevanceScore = Number(maximum=1)
    disableBuilder = Flag()
    allowedProviders = Listed(Text())
    capabilities = Listed(Text())
    maxToolCallArgBytes = Number()
    maxToolCallArgBytesByTool = Named(Number())
    maxDeltaEventsPerTurn = Number()
    statefulCodeSessions = Part(LastingSessions)
    recursionLimit = Number(minimum=1)
    maxRecursionLimit = Number(minimum=1)


class Endpoints(Section):
    """All endpoints."""

    ignored = frozenset({"azureAssistants", "gptPlugins"})

    allowedAddresses = Listed(Text())
    all = Part(All)
    openAI = Part(BuiltIn)
    google = Part(BuiltIn)
    anthropic = Part(Anthropic)
    azureOpenAI = Part(Azure)
    agents = Part(Agents)
    assistants = Part(Assistants)
    bedrock = Part(Bedrock)
    custom = Listed(Part(Custom))
