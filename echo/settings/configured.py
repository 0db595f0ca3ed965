"""Settings of the environment as `librechat.yaml` completes them, and what is worth telling about both."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from difflib import get_close_matches

from echo.settings.agents import OFFLINE_EMBEDDINGS
from echo.settings.cloud_reading import cloud_notices, read_cloud
from echo.settings.database import ignored_options
from echo.settings.directory import directory_notices
from echo.settings.endpoints import ProviderLimits
from echo.settings.federation import buttons_of, read_sign_in, sign_in_notices
from echo.settings.librechat import LIBRECHAT_VARIABLES, ConfigFile
from echo.settings.librechat.agents import read_agents, read_summaries
from echo.settings.librechat.client import read_client
from echo.settings.librechat.credits import balance_of, read_credits
from echo.settings.librechat.file_search import read_file_search
from echo.settings.librechat.limits import read_file_rules, with_rate_limits
from echo.settings.librechat.mcp import read_mcp
from echo.settings.librechat.memory import read_memory
from echo.settings.librechat.permissions import read_permissions
from echo.settings.librechat.safeguards import VARIABLES, missing_safeguards
from echo.settings.librechat.speech import read_voice, read_voices, with_speech
from echo.settings.librechat.tools import read_tools
from echo.settings.mail import mail_notices
from echo.settings.model import FileRules, Safeguard, Settings
from echo.settings.providers import ADDRESS
from echo.settings.rate_limits import RateLimit
from echo.settings.reader import Reader

PREFIX = "ECHO"
# Not settings of the server: what `echo-api chat` reads, what the compose file does, what a ready file holds.
OTHERS = frozenset({"ECHO_API_KEY", "ECHO_DB_PASSWORD", "ECHO_PUBLISH", "ECHO_PID", "ECHO_URL"})
# What Kubernetes and Docker set in each container for a service that is called "echo".
OF_SERVICES = re.compile(
    r"ECHO(_[A-Z0-9_]+)?_(SERVICE_HOST|SERVICE_PORT|PORT_[0-9]+_(TCP|UDP)|PORT$|NAME$).*"
)


def with_sections(settings: Settings, config: ConfigFile) -> Settings:
    """The settings with those sections of the file over them that administrators can change at run time."""
    specs = config.section("modelSpecs")
    return replace(
        settings,
        allowed_domains=_domains(config),
        sign_in=replace(settings.sign_in, buttons=buttons_of(config)),
        file_rules=read_file_rules(config),
        model_specs=specs.get("list", ()),
        enforce_model_specs=specs.get("enforce", False),
    )


def _librechat_api(settings: Settings) -> str:
    return settings.domain_server if settings.root == "librechat" else f"{settings.domain_server}/chat"


def configured(settings: Settings, reader: Reader, config: ConfigFile) -> Settings:
    """The settings with the file's over them. Raises `SettingsError` with everything that is wrong in the file."""
    rules = read_file_rules(config)
    complete = replace(
        with_sections(settings, config),
        rate_limits=with_rate_limits(config, _switched(settings.rate_limits, reader)),
        max_upload_bytes=_upload_bytes(settings, reader, rules),
        provider_limits=_with_addresses(config, settings.provider_limits),
        speech=with_speech(config, settings.speech),
        voice=read_voice(config),
        voices=read_voices(config),
        temporary_seconds=_temporary_seconds(config, settings),
        sign_in=read_sign_in(reader, config, settings.domain_server, _librechat_api(settings)),
        mcp=read_mcp(config),
        memory=read_memory(config),
        credits=read_credits(config, reader),
        agents=read_agents(config),
        summaries=read_summaries(config),
        file_search=read_file_search(reader, config),
        sharing_files=_sharing_files(reader, config),
        permissions=read_permissions(config),
        tools=read_tools(reader, config),
        file=config.written,
        cloud=read_cloud(reader, config),
        client=read_client(
            config,
            balance=balance_of(config, reader),
            custom_footer=reader.text("CUSTOM_FOOTER"),
            help_url=reader.text("HELP_AND_FAQ_URL"),
            build=_build(reader),
        ),
    )
    config.check()
    return replace(
        complete,
        notices=tuple(_notices(complete, reader, config)),
        missing_safeguards=(*_missing(settings, reader), *config.missing_safeguards),
    )


def _missing(settings: Settings, reader: Reader) -> Iterator[Safeguard]:
    """What does not protect: of these one does where mail is sent."""
    for each in missing_safeguards(reader.value):
        if each.name != "ALLOW_UNVERIFIED_EMAIL_LOGIN" or settings.mail is None:
            yield each


def _switched(limits: Mapping[str, RateLimit], reader: Reader) -> dict[str, RateLimit]:
    """Without the limits on messages that are switched off."""
    off = {
        limit
        for limit, switch in (("message_ip", "LIMIT_MESSAGE_IP"), ("message_user", "LIMIT_MESSAGE_USER"))
        if not reader.flag(switch, True)
    }
    return {name: limit for name, limit in limits.items() if name not in off}


def _upload_bytes(settings: Settings, reader: Reader, rules: Mapping[str, FileRules]) -> int:
    """The file's limit for any upload; never more than what the environment sets by name."""
    limit = rules.get("default", FileRules()).max_bytes
    if limit is None:
        return settings.max_upload_bytes
    explicit = reader.value("ECHO_MAX_UPLOAD_BYTES") is not None
    return max(1, min(limit, settings.max_upload_bytes) if explicit else limit)


def _temporary_seconds(config: ConfigFile, settings: Settings) -> int:
    """The file's hours, as in LibreChat, else what the environment says."""
    hours = config.section("interface").get("temporaryChatRetention")
    return settings.temporary_seconds if hours is None else int(hours * 3600)


def _with_addresses(config: ConfigFile, limits: ProviderLimits) -> ProviderLimits:
    """With the private addresses that users' own base URLs may name."""
    listed = config.section("endpoints").get("allowedAddresses", [])
    for index, address in enumerate(listed):
        if not ADDRESS.fullmatch(address):
            config.refuse(("endpoints", "allowedAddresses", index), "must be host:port")
    return replace(limits, allowed_addresses=(*limits.allowed_addresses, *listed))


def _domains(config: ConfigFile) -> tuple[str, ...]:
    listed = config.section("registration").get("allowedDomains", [])
    return tuple(domain.strip().lower().removeprefix("@") for domain in listed if domain.strip())


def _notices(settings: Settings, reader: Reader, config: ConfigFile) -> Iterator[str]:
    yield from config.warnings
    for name in sorted(set(reader.known)):
        if (reader.value(name) or "").startswith(("'", '"', "`")):
            yield f"{name} begins with a quotation mark, which is a part of its value: is it closed?"
    if settings.mongo_uri and (ignored := ignored_options(settings.mongo_uri)):
        yield f"MONGO_URI has options that Echo's driver does not know, and ignores: {', '.join(ignored)}."
    if settings.credits.enabled and settings.credits.start is None:
        yield "CHECK_BALANCE is set without START_BALANCE: who has no balance yet cannot chat."
    yield from _of_addresses(settings, reader)
    yield from sign_in_notices(reader)
    yield from directory_notices(settings.ldap)
    azure = next((each for each in settings.providers if each.type == "azure"), None)
    if azure and azure.api_key and not azure.deployments:
        yield "AZURE_API_KEY is set without AZURE_OPENAI_API_INSTANCE_NAME: nobody can chat with azureOpenAI."
    yield from mail_notices(reader, settings.mail, allow_reset=settings.allow_password_reset)
    yield from _unknown_endpoints(settings)
    model = settings.file_search.embeddings
    is_an_endpoints = model is not None and model != OFFLINE_EMBEDDINGS
    if is_an_endpoints and not any(
        each.available and str(model).startswith(f"{each.name}/") for each in settings.providers
    ):
        yield "ECHO_EMBEDDINGS_MODEL names no endpoint that has a key: files are searched by words."
    yield from _of_delegation(settings)
    yield from cloud_notices(settings.cloud)
    yield from _misspelt(reader, config)
    if unused := reader.unused(LIBRECHAT_VARIABLES - config.variables - VARIABLES):
        yield f"Set, and without effect in Echo: {', '.join(unused)}."


def _of_delegation(settings: Settings) -> Iterator[str]:
    openid = settings.sign_in.openid
    exchanges = openid is not None and openid.exchanges_tokens and settings.creds_key
    names = ", ".join(each.name for each in settings.mcp.servers if each.obo)
    if names and not exchanges:
        yield f"obo needs OPENID_ISSUER, OPENID_REUSE_TOKENS=true and CREDS_KEY: nobody has tools of {names}."


def _sharing_files(reader: Reader, config: ConfigFile) -> bool:
    """Whether new links show files: the variable says it, or else the file, as in LibreChat."""
    said = config.section("interface").get("sharedLinks")
    usual = said.get("snapshotFiles") is not False if isinstance(said, Mapping) else True
    return bool(reader.flag("SHARED_LINKS_SNAPSHOT_FILES", usual))


def _of_addresses(settings: Settings, reader: Reader) -> Iterator[str]:
    if reader.value("DOMAIN_SERVER"):
        return
    if settings.mail and not reader.value("DOMAIN_CLIENT"):
        yield f"DOMAIN_SERVER is not set, so links in mails lead to {settings.domain_client}."
    if settings.sign_in.any:
        yield f"DOMAIN_SERVER is not set, so other services send users back to {settings.domain_server}."


def _unknown_endpoints(settings: Settings) -> Iterator[str]:
    """Of names in the rules for models those of no endpoint: what they are to open is open to nobody."""
    named = settings.model_access.endpoints() if settings.model_access else ()
    known = tuple(f"{each.name}/" for each in settings.providers)
    if strange := sorted({name for name in named if not name.startswith(known)}):
        yield f"ECHO_MODEL_ACCESS names no endpoint of this server in: {', '.join(strange)}."


def _misspelt(reader: Reader, config: ConfigFile) -> Iterator[str]:
    """Of names like ours those that are no setting: a limit that somebody believes in may be none."""
    for name in reader.unknown(PREFIX):
        if name in OTHERS or name in config.variables or OF_SERVICES.fullmatch(name):
            continue
        ours = [known for known in reader.known if known.startswith(PREFIX)]
        like = get_close_matches(name.upper(), ours, n=1, cutoff=0.75)
        hint = f"; did you mean {like[0]}?" if like else "."
        yield f"{name} is set, and is no setting of Echo's{hint}"


def _build(reader: Reader) -> dict[str, str | None]:
    """What the operator says of the build, as LibreChat says it of its own; empty where nothing is said.

    LibreChat asks Git for what is not set. That would be another program's history here.
    """
    commit = reader.text("BUILD_COMMIT")
    said = {
        "commit": commit,
        "commitShort": commit[:7] if commit else None,
        "branch": reader.text("BUILD_BRANCH"),
        "buildDate": reader.text("BUILD_DATE"),
    }
    return said if any(said.values()) else {}
