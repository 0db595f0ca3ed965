"""From variables to `Settings`."""

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path

from platformdirs import user_data_path

from echo.settings.configured import configured
from echo.settings.connections import read_connection_limits
from echo.settings.database import ignored_options
from echo.settings.directory import read_ldap
from echo.settings.endpoints import USER_PROVIDED
from echo.settings.env_file import read_env_file
from echo.settings.librechat import read_config
from echo.settings.mail import read_mail
from echo.settings.model import ModerationSettings, Settings, SpeechSettings
from echo.settings.model_rules import read_model_access
from echo.settings.offline import with_offline_model
from echo.settings.providers import read_provider_limits, read_providers
from echo.settings.rate_limits import read_rate_limits, read_runs_at_once, read_violations
from echo.settings.reader import Reader, SettingsError
from echo.settings.secrets import read_credentials_keys, read_keys

MIB = 1024 * 1024
MINUTE = 60
HOUR = 60 * MINUTE
MODERATIONS = "https://api.openai.com/v1/moderations"
# A host of a MongoDB URI that is this machine; the last form is a socket file's.
THIS_MACHINE = re.compile(r"(127\.[0-9.]+|localhost|\[::1\])(:|$)|%2F", re.IGNORECASE)
# The part before the path is a source in a policy, where spaces and semicolons have a meaning.
BUNDLER = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[!-~]*)?")
# What OpenTelemetry's own specification calls its settings. Its library reads them too, with many more, but from the
# environment only.
TRACING = (
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_SERVICE_NAME",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_TRACES_EXPORTER",
    "OTEL_SDK_DISABLED",
)


def load_settings(
    environ: Mapping[str, str],
    *,
    env_file: Path | None = None,
    config_file: Path | None = None,
    used: frozenset[str] = frozenset(),
) -> Settings:
    """The settings of an environment, and of a `.env` file for what the environment does not set.

    Where `CONFIG_PATH` names no other, `config_file` is LibreChat's `librechat.yaml`; it need not exist. Variables
    in `used` are not told as without effect: something uses them that is not looked at here.
    Raises `SettingsError` with one sentence that names the variable, or one for each fault of that file; `OSError`
    and `UnicodeError` for a `.env` that cannot be read.
    """
    values = read_env_file(env_file) if env_file else {}
    return read_settings(Reader({**values, **environ}, used), config_file)


def read_settings(reader: Reader, config_file: Path | None = None) -> Settings:
    """The settings that a reader finds, as `librechat.yaml` changes them."""
    config = read_config(reader.text("CONFIG_PATH"), config_file, reader.value)
    mongo_uri = _mongo_uri(reader)
    jwt_secret, jwt_refresh_secret = read_keys(reader, required=mongo_uri is not None)
    creds_key, creds_iv = read_credentials_keys(reader)
    librechat_dir = reader.text("ECHO_LIBRECHAT_DIR")
    port = reader.whole("PORT", 3080, minimum=0, maximum=65535)
    trust_proxy = reader.whole("TRUST_PROXY", 0, minimum=0, maximum=10)
    domain = _address(reader, "DOMAIN_SERVER", f"http://localhost:{port}")
    root = reader.text("ECHO_ROOT", "echo", one_of=("echo", "librechat"))
    # LibreChat's two switches for what it writes to its console.
    ldap = read_ldap(reader)
    level = "debug" if reader.flag("DEBUG_CONSOLE", False) else "info"
    style = "json" if reader.flag("CONSOLE_JSON", False) else "auto"
    settings = Settings(
        host=reader.text("HOST", "127.0.0.1"),
        port=port,
        workers=reader.whole("ECHO_WORKERS", os.cpu_count() or 1, minimum=1, maximum=64),
        worker_hang_seconds=reader.whole("ECHO_WORKER_HANG_SECONDS", 60, minimum=0, maximum=3600),
        threads=reader.whole("ECHO_THREADS", _threads(mongo_uri), minimum=1, maximum=64),
        mongo_uri=mongo_uri,
        database_seconds=reader.whole("ECHO_DATABASE_SECONDS", 10, minimum=1, maximum=3600),
        data_dir=_data_dir(reader),
        librechat_dir=Path(librechat_dir).expanduser().absolute() if librechat_dir else None,
        extra_authorities=_extra_authorities(reader),
        web_client=_web_client(reader),
        bundlers=_bundlers(reader),
        root=root,
        app_title=reader.text("APP_TITLE", "Echo"),
        domain_server=domain,
        domain_client=_address(reader, "DOMAIN_CLIENT", domain if root == "librechat" else f"{domain}/chat"),
        production=reader.text("NODE_ENV", "") == "production",
        trust_proxy=trust_proxy,
        # Nobody could log in with a password of Echo's, and would keep its address from whom the directory knows.
        allow_registration=reader.flag("ALLOW_REGISTRATION", True) and ldap is None,
        allow_email_login=reader.flag("ALLOW_EMAIL_LOGIN", True),
        min_password_length=reader.whole("MIN_PASSWORD_LENGTH", 8, minimum=8, maximum=72),
        allow_account_deletion=reader.flag("ALLOW_ACCOUNT_DELETION", True),
        allow_password_reset=reader.flag("ALLOW_PASSWORD_RESET", False),
        allow_email_change=reader.flag("ALLOW_EMAIL_CHANGE", True),
        allow_unverified_login=reader.flag("ALLOW_UNVERIFIED_EMAIL_LOGIN", False),
        allow_shared_links=reader.flag("ALLOW_SHARED_LINKS", True),
        allow_shared_links_public=reader.flag("ALLOW_SHARED_LINKS_PUBLIC", False),
        serve_shared_files=reader.flag("SHARED_LINKS_SNAPSHOT_FILES", True),
        jwt_secret=jwt_secret,
        jwt_refresh_secret=jwt_refresh_secret,
        creds_key=creds_key,
        creds_iv=creds_iv,
        session_seconds=reader.milliseconds("SESSION_EXPIRY", 15 * MINUTE),
        refresh_seconds=reader.milliseconds("REFRESH_TOKEN_EXPIRY", 7 * 24 * 60 * MINUTE),
        refresh_grace_seconds=reader.whole("ECHO_REFRESH_GRACE_SECONDS", 30, minimum=0, maximum=300),
        secure_cookies=reader.flag("SESSION_COOKIE_SECURE", None),
        ban_seconds=reader.milliseconds("BAN_DURATION", 2 * 60 * MINUTE),
        violations=read_violations(reader),
        rate_limits_enabled=reader.text("ECHO_RATE_LIMITS", "on", one_of=("on", "off")) == "on",
        rate_limits=dict(read_rate_limits(reader)),
        search_index=reader.text("ECHO_SEARCH_INDEX", "on", one_of=("on", "off")) == "on",
        search_seconds=reader.whole("ECHO_SEARCH_SECONDS", 10, minimum=1, maximum=300),
        open_completions=reader.whole("ECHO_API_CONCURRENT", 20, minimum=1),
        background_responses=reader.whole("ECHO_API_BACKGROUND", 10, minimum=1),
        api_models=reader.texts("ECHO_API_MODELS", ()),
        model_access=read_model_access(reader),
        runs_at_once=read_runs_at_once(reader),
        log_level=reader.text("ECHO_LOG_LEVEL", level, one_of=("debug", "info", "warning", "error")),
        log_format=reader.text("ECHO_LOG_FORMAT", style, one_of=("auto", "json", "console")),
        metrics_secret=reader.text("METRICS_SECRET"),
        tracing={name: value for name in TRACING if (value := reader.text(name))},
        cors_origins=reader.texts("ECHO_CORS_ORIGINS", ("*",)),
        max_body_bytes=reader.whole("ECHO_MAX_BODY_BYTES", 3 * MIB, minimum=1),
        max_message_bytes=reader.whole("ECHO_MAX_MESSAGE_BYTES", 2 * MIB, minimum=1),
        large_answers_bytes=reader.whole("ECHO_LARGE_ANSWERS_BYTES", 64 * MIB, minimum=MIB),
        large_answers_user_bytes=reader.whole("ECHO_LARGE_ANSWERS_USER_BYTES", 16 * MIB, minimum=MIB),
        max_upload_bytes=reader.whole("ECHO_MAX_UPLOAD_BYTES", 20 * MIB, minimum=1),
        max_import_bytes=reader.whole("CONVERSATION_IMPORT_MAX_FILE_SIZE_BYTES", 250 * MIB, minimum=1),
        max_image_pixels=reader.whole("ECHO_MAX_IMAGE_PIXELS", 40_000_000, minimum=1),
        title_conversations=reader.flag("TITLE_CONVO", True),
        temporary_seconds=HOUR * reader.whole("TEMP_CHAT_RETENTION_HOURS", 720, minimum=1, maximum=8760),
        providers=with_offline_model(reader, read_providers(reader, config), embedded=mongo_uri is None),
        provider_limits=read_provider_limits(reader),
        speech=_speech(reader),
        voice=None,
        moderation=_moderation(reader),
        ldap=ldap,
        mail=read_mail(
            reader, app_title=reader.text("APP_TITLE", "Echo"), footer=reader.text("CUSTOM_FOOTER")
        ),
        connections=read_connection_limits(reader, trust_proxy=trust_proxy),
    )
    return configured(settings, reader, config)


def _mongo_uri(reader: Reader) -> str | None:
    uri: str | None = reader.text("MONGO_URI")
    if uri is not None and not uri.startswith(("mongodb://", "mongodb+srv://")):
        raise SettingsError("MONGO_URI must begin with mongodb:// or mongodb+srv://.")
    if uri is not None:
        ignored_options(uri)
    return uri


def data_dir_of(values: Mapping[str, str]) -> Path:
    """The data directory that these variables name; raises `SettingsError`."""
    return _data_dir(Reader(values))


def _data_dir(reader: Reader) -> Path:
    given = reader.text("ECHO_DATA_DIR")
    try:
        return Path(given).expanduser().absolute() if given else user_data_path("echo-api")
    except RuntimeError as error:
        raise SettingsError("ECHO_DATA_DIR must be set: this user has no home directory.") from error


def _extra_authorities(reader: Reader) -> Path | None:
    given = reader.text("NODE_EXTRA_CA_CERTS")
    if not given:
        return None
    file = Path(given).expanduser().absolute()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(str(file))
    except (OSError, ValueError) as error:
        raise SettingsError("NODE_EXTRA_CA_CERTS must be a file of certificates in PEM.") from error
    return file


def _web_client(reader: Reader) -> str | None:
    given: str | None = reader.text("ECHO_WEB_CLIENT")
    return str(Path(given).expanduser().absolute()) if given and given != "off" else given


def _bundlers(reader: Reader) -> dict[str, str]:
    """LibreChat's two settings; each becomes a part of the client's content security policy."""
    named = {"bundlerURL": "SANDPACK_BUNDLER_URL", "staticBundlerURL": "SANDPACK_STATIC_BUNDLER_URL"}
    found = {key: address for key, name in named.items() if (address := reader.text(name))}
    for key, address in found.items():
        if not BUNDLER.fullmatch(address):
            raise SettingsError(f"{named[key]} must be an address of http:// or https://.")
    return found


def _threads(mongo_uri: str | None) -> int:
    """Enough threads that one always runs: with the database at hand two; more only contend for the interpreter.

    A database across a network is waited for much longer.
    """
    if mongo_uri is None:
        return 2
    hosts = mongo_uri.partition("//")[2].partition("/")[0].rpartition("@")[2].split(",")
    return 2 if all(THIS_MACHINE.match(host) for host in hosts) else 8


def _address(reader: Reader, name: str, default: str) -> str:
    address: str = reader.text(name, default)
    if not address.startswith(("http://", "https://")):
        raise SettingsError(f"{name} must begin with http:// or https://.")
    return address.rstrip("/")


def _speech(reader: Reader) -> SpeechSettings:
    key = reader.text("STT_API_KEY")
    return SpeechSettings(
        mode=reader.text("ECHO_STT", "auto", one_of=("auto", "offline", "off")),
        url=_address(reader, "ECHO_STT_URL", "https://api.openai.com/v1/audio/transcriptions"),
        model=reader.text("ECHO_STT_MODEL", "whisper-1"),
        api_key=None if key == USER_PROVIDED else key,
    )


def _moderation(reader: Reader) -> ModerationSettings | None:
    """As LibreChat has it: the address is that of the operation itself, not of the API."""
    is_on = reader.flag("OPENAI_MODERATION", False)
    key = reader.text("OPENAI_MODERATION_API_KEY")
    url = _address(reader, "OPENAI_MODERATION_REVERSE_PROXY", MODERATIONS)
    if not is_on:
        return None
    if key is None and url == MODERATIONS:
        raise SettingsError("OPENAI_MODERATION_API_KEY must be set when OPENAI_MODERATION is true.")
    return ModerationSettings(url, key)
