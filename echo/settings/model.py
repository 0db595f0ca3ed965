"""What the settings are, once read; times in seconds, sizes in bytes. Secrets never show in a `repr`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echo.settings.agents import AgentSettings, FileSearchSettings, MemorySettings, SummarySettings
from echo.settings.cloud import CloudSettings
from echo.settings.connections import ConnectionLimits
from echo.settings.directory import LdapSettings
from echo.settings.endpoints import ProviderLimits, ProviderSettings
from echo.settings.mcp import McpSettings
from echo.settings.model_access import ModelRules
from echo.settings.rate_limits import RateLimit, ViolationSettings
from echo.settings.sign_in import SignInSettings
from echo.settings.tools import ToolSettings


@dataclass(frozen=True)
class SpeechSettings:
    """Speech to text: `mode` is "auto", "offline" or "off"; with a key, a service that speaks OpenAI's protocol.

    `azure` says that the service is Azure's, which takes the key in a header of its own.
    """

    mode: str
    url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    azure: bool = False


@dataclass(frozen=True)
class ModerationSettings:
    """The service that is asked before a model gets a text; a proxy may need no key."""

    url: str
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class FileRules:
    """What may be uploaded for one endpoint; None for what is not limited. `media_types` are regular expressions."""

    max_files: int | None = None
    max_bytes: int | None = None
    max_total_bytes: int | None = None
    media_types: tuple[str, ...] | None = None


@dataclass(frozen=True)
class CreditSettings:
    """What users may spend, and whether it is written down what they do.

    With `enabled` nobody spends more credits than there are; `start` is what a new balance has, None where users get
    no balance by themselves; `refill` are LibreChat's fields of balances that fill up by themselves, if they do.
    """

    enabled: bool = False
    counting: bool = True
    start: float | None = None
    refill: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ClientSettings:
    """What clients are told beside what the server itself goes by; all of it may be public to those who log in.

    `interface`, `model_specs` and `balance` are LibreChat's objects, `anyone` the part of `interface` that is shown
    before a login. `librechat_interface` is for clients of LibreChat's contract, which has more; `build` is its
    `buildInfo`, empty where nothing is to be said of it.
    """

    interface: Mapping[str, Any] = field(default_factory=dict)
    librechat_interface: Mapping[str, Any] = field(default_factory=dict)
    anyone: Mapping[str, Any] = field(default_factory=dict)
    model_specs: Mapping[str, Any] | None = None
    balance: Mapping[str, Any] = field(default_factory=lambda: {"enabled": False})
    custom_footer: str | None = None
    help_url: str | None = None
    build: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def tells_cost(self) -> bool:
        """Whether LibreChat's client shows what answers cost."""
        return self.librechat_interface.get("contextCost") is True


@dataclass(frozen=True)
class SmtpSettings:
    """A mail server: `encryption` is "tls" from the first byte, "starttls", "auto" (where it is offered) or "none".

    Its certificate is for `certificate_name` if that is given, else for `host`; with `any_certificate` nobody looks.
    """

    host: str
    port: int
    encryption: str = "auto"
    certificate_name: str | None = None
    any_certificate: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class MailgunSettings:
    """Mailgun's API: its address, the sending domain, and the key."""

    url: str
    domain: str
    api_key: str = field(repr=False)


@dataclass(frozen=True)
class MailSettings:
    """By what mail is sent, from whom, and what stands in every mail: the application's title, and a footer."""

    sender: SmtpSettings | MailgunSettings
    from_address: str
    from_name: str
    title: str
    footer: str | None = None


@dataclass(frozen=True)
class Safeguard:
    """A setting that protects something in LibreChat and has no effect here: what follows, and what to do."""

    name: str
    what: str
    todo: str

    def __str__(self) -> str:
        return f"{self.name} has no effect: {self.what}. {self.todo}"


@dataclass(frozen=True)
class Settings:
    """Everything that can be set."""

    host: str
    port: int
    workers: int
    worker_hang_seconds: int
    threads: int
    mongo_uri: str | None = field(repr=False)
    # For one operation, its repetitions included, where the URI says nothing.
    database_seconds: int
    data_dir: Path
    librechat_dir: Path | None
    # Authorities of TLS in PEM that are believed beside the system's.
    extra_authorities: Path | None
    # Whose contract answers at the root: "echo" or "librechat".
    root: str
    # The directory of a built web client; None for the installed one, "off" for none.
    web_client: str | None
    # By LibreChat's names for them, where its client shows artifacts, if not at CodeSandbox.
    bundlers: Mapping[str, str]
    app_title: str
    domain_server: str
    domain_client: str
    production: bool
    trust_proxy: int
    allow_registration: bool
    allow_email_login: bool
    min_password_length: int
    allow_account_deletion: bool
    # Whether users get a link by which they set another password.
    allow_password_reset: bool
    # Whether users may give their accounts another address.
    allow_email_change: bool
    # Whether an account whose address is not verified can be logged in to.
    allow_unverified_login: bool
    # Whether links to shared conversations can be opened, and whether by anyone.
    allow_shared_links: bool
    allow_shared_links_public: bool
    # Whether the files of those that exist can be opened; whether new ones show any is `sharing_files`.
    serve_shared_files: bool
    jwt_secret: str | None = field(repr=False)
    jwt_refresh_secret: str | None = field(repr=False)
    creds_key: str | None = field(repr=False)
    creds_iv: str | None = field(repr=False)
    session_seconds: int
    refresh_seconds: int
    # How long after an exchange the refresh token before is still answered, with the current one.
    refresh_grace_seconds: int
    secure_cookies: bool | None
    ban_seconds: int
    violations: ViolationSettings
    rate_limits_enabled: bool
    rate_limits: Mapping[str, RateLimit]
    # Whether messages of who searches and has many of them are indexed.
    search_index: bool
    # How long one search may take.
    search_seconds: int
    open_completions: int
    background_responses: int
    runs_at_once: int | None
    log_level: str
    log_format: str
    metrics_secret: str | None = field(repr=False)
    tracing: Mapping[str, str] = field(repr=False)
    cors_origins: tuple[str, ...]
    max_body_bytes: int
    max_message_bytes: int
    # What large answers may hold in each worker: in all, and of one account.
    large_answers_bytes: int
    large_answers_user_bytes: int
    max_upload_bytes: int
    max_image_pixels: int
    max_import_bytes: int
    title_conversations: bool
    # How long a temporary conversation is kept.
    temporary_seconds: int
    providers: tuple[ProviderSettings, ...]
    provider_limits: ProviderLimits
    speech: SpeechSettings
    # The service that speaks where no endpoint has the model.
    voice: ProviderSettings | None
    moderation: ModerationSettings | None = None
    # What `voice` calls its voices, as far as the operator says.
    voices: tuple[str, ...] = ()
    # Where it is set, it knows the passwords, and nobody registers.
    ldap: LdapSettings | None = None
    # None where no mail is sent.
    mail: MailSettings | None = None
    # As `endpoint/model`: what programs may use under `/v1` beside chats though no list of models has it.
    api_models: tuple[str, ...] = ()
    # Which models are open to whom; None opens all to everybody.
    model_access: ModelRules | None = None
    connections: ConnectionLimits = field(default_factory=ConnectionLimits)
    allowed_domains: tuple[str, ...] = ()
    # Coming in by others.
    sign_in: SignInSettings = field(default_factory=SignInSettings)
    file_rules: Mapping[str, FileRules] = field(default_factory=dict)
    # Complete, with what clients are not shown: LibreChat's `modelSpecs.list`.
    model_specs: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    # Whether nobody chats without one of them.
    enforce_model_specs: bool = False
    client: ClientSettings = field(default_factory=ClientSettings)
    # `librechat.yaml` as it is written, which administrators override in parts; it may hold secrets.
    file: Mapping[str, Any] = field(default_factory=dict, repr=False)
    mcp: McpSettings = field(default_factory=McpSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)
    credits: CreditSettings = CreditSettings()
    agents: AgentSettings = field(default_factory=AgentSettings)
    summaries: SummarySettings = field(default_factory=SummarySettings)
    tools: ToolSettings = field(default_factory=ToolSettings)
    # What the file says of permissions, by LibreChat's types: it is written into the roles USER and ADMIN.
    permissions: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)
    # How files are searched.
    file_search: FileSearchSettings = field(default_factory=FileSearchSettings)
    # Whether a new link to a conversation shows its files.
    sharing_files: bool = True
    # Where files lie beside the disk.
    cloud: CloudSettings = field(default_factory=CloudSettings)
    # Sentences for whoever starts the server: what is set and has no effect, and what looks wrong.
    notices: tuple[str, ...] = ()
    # What would protect in LibreChat and does not here.
    missing_safeguards: tuple[Safeguard, ...] = ()
