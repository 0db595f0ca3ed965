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
from echo.settings.model import ModerationSettings, RateLimit, Settings, SpeechSettings, ViolationSettings
from echo.settings.model_rules import read_model_access
from echo.settings.offline import with_offline_model
from echo.settings.providers import read_provider_limits, read_providers
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
# Name, by what, the two variables with their defaults: requests, and the window in minutes, all as in LibreChat,
# but for those with ECHO_ in front. An account's login limit shares the address's variables.
RATE_LIMITS = (
    ("login_ip", "address", "LOGIN_MAX", 7, "LOGIN_WINDOW", 5),
    ("login_account", "email", "LOGIN_MAX", 7, "LOGIN_WINDOW", 5),
    ("two_factor_ip", "address", "TWO_FACTOR_TEMP_MAX", 7, "TWO_FACTOR_TEMP_WINDOW", 5),
    ("two_factor_account", "pending", "TWO_FACTOR_TEMP_MAX", 7, "TWO_FACTOR_TEMP_WINDOW", 5),
    ("two_factor_account_day", "pending", "ECHO_TWO_FACTOR_MAX", 50, "ECHO_TWO_FACTOR_WINDOW", 24 * 60),
    ("two_factor_user", "account", "ECHO_TWO_FACTOR_MAX", 50, "ECHO_TWO_FACTOR_WINDOW", 24 * 60),
    ("register_ip", "address", "REGISTER_MAX", 5, "REGISTER_WINDOW", 60),
    ("reset_ip", "address", "RESET_PASSWORD_MAX", 2, "RESET_PASSWORD_WINDOW", 2),
    ("reset_email", "email", "RESET_PASSWORD_MAX", 2, "RESET_PASSWORD_WINDOW", 2),
    ("reset_submit_ip", "address", "RESET_PASSWORD_SUBMISSION_MAX", 2, "RESET_PASSWORD_SUBMISSION_WINDOW", 2),
    ("verify_ip", "address", "VERIFY_EMAIL_MAX", 2, "VERIFY_EMAIL_WINDOW", 2),
    ("verify_email", "email", "VERIFY_EMAIL_MAX", 2, "VERIFY_EMAIL_WINDOW", 2),
    ("verify_submit_ip", "address", "VERIFY_EMAIL_SUBMISSION_MAX", 2, "VERIFY_EMAIL_SUBMISSION_WINDOW", 2),
    ("fork_ip", "address", "FORK_IP_MAX", 30, "FORK_IP_WINDOW", 1),
    ("fork_user", "account", "FORK_USER_MAX", 7, "FORK_USER_WINDOW", 1),
    ("upload_ip", "address", "FILE_UPLOAD_IP_MAX", 100, "FILE_UPLOAD_IP_WINDOW", 15),
    ("upload_user", "account", "FILE_UPLOAD_USER_MAX", 50, "FILE_UPLOAD_USER_WINDOW", 15),
    ("import_ip", "address", "IMPORT_IP_MAX", 100, "IMPORT_IP_WINDOW", 15),
    ("import_user", "account", "IMPORT_USER_MAX", 50, "IMPORT_USER_WINDOW", 15),
    ("export_ip", "address", "ECHO_EXPORT_IP_MAX", 100, "ECHO_EXPORT_IP_WINDOW", 15),
    ("export_user", "account", "ECHO_EXPORT_USER_MAX", 10, "ECHO_EXPORT_USER_WINDOW", 15),
    ("stt_ip", "address", "STT_IP_MAX", 100, "STT_IP_WINDOW", 1),
    ("stt_user", "account", "STT_USER_MAX", 50, "STT_USER_WINDOW", 1),
    ("tts_ip", "address", "TTS_IP_MAX", 100, "TTS_IP_WINDOW", 1),
    ("tts_user", "account", "TTS_USER_MAX", 50, "TTS_USER_WINDOW", 1),
    ("tool_call_user", "account", "ECHO_TOOL_CALL_USER_MAX", 60, "ECHO_TOOL_CALL_USER_WINDOW", 1),
    ("message_ip", "address", "MESSAGE_IP_MAX", 40, "MESSAGE_IP_WINDOW", 1),
    ("message_user", "account", "MESSAGE_USER_MAX", 40, "MESSAGE_USER_WINDOW", 1),
    ("api_ip", "address", "ECHO_API_IP_MAX", 300, "ECHO_API_IP_WINDOW", 1),
    ("api_user", "account", "ECHO_API_USER_MAX", 120, "ECHO_API_USER_WINDOW", 1),
    ("search_user", "search", "ECHO_SEARCH_USER_MAX", 120, "ECHO_SEARCH_USER_WINDOW", 1),
    ("refresh_ip", "address", "ECHO_REFRESH_MAX", 120, "ECHO_REFRESH_WINDOW", 5),
)

# Points of a violation by its kind; all as in LibreChat.
SCORES = (
    ("logins", "LOGIN_VIOLATION_SCORE", 1),
    ("registrations", "REGISTRATION_VIOLATION_SCORE", 1),
    ("two_factor", "TWO_FACTOR_TEMP_VIOLATION_SCORE", 1),
    ("reset_password_limit", "RESET_PASSWORD_VIOLATION_SCORE", 1),
    ("reset_password_submission", "RESET_PASSWORD_SUBMISSION_VIOLATION_SCORE", 1),
    ("verify_email_limit", "VERIFY_EMAIL_VIOLATION_SCORE", 1),
    ("verify_email_submission", "VERIFY_EMAIL_SUBMISSION_VIOLATION_SCORE", 1),
    ("concurrent", "CONCURRENT_VIOLATION_SCORE", 1),
    ("message_limit", "MESSAGE_VIOLATION_SCORE", 1),
    ("fork_limit", "FORK_VIOLATION_SCORE", 1),
    ("import_limit", "IMPORT_VIOLATION_SCORE", 1),
    ("file_upload_limit", "FILE_UPLOAD_VIOLATION_SCORE", 0),
    ("stt_limit", "STT_VIOLATION_SCORE", 0),
    ("tts_limit", "TTS_VIOLATION_SCORE", 0),
    ("tool_call_limit", "TOOL_CALL_VIOLATION_SCORE", 0),
)

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
        violations=_violations(reader),
        rate_limits_enabled=reader.text("ECHO_RATE_LIMITS", "on", one_of=("on", "off")) == "on",
        rate_limits=dict(_rate_limits(reader)),
        search_index=reader.text("ECHO_SEARCH_INDEX", "on", one_of=("on", "off")) == "on",
        search_seconds=reader.whole("ECHO_SEARCH_SECONDS", 10, minimum=1, maximum=300),
        open_completions=reader.whole("ECHO_API_CONCURRENT", 20, minimum=1),
        background_responses=reader.whole("ECHO_API_BACKGROUND", 10, minimum=1),
        api_models=reader.texts("ECHO_API_MODELS", ()),
        model_access=read_model_access(reader),
        runs_at_once=_runs_at_once(reader),
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


def _rate_limits(reader: Reader) -> list[tuple[str, RateLimit]]:
    def whole(variable: str, default: int) -> int:
        # As in LibreChat: what submits a link's token has the limit of what asks for it, if it has none of its own.
        if "_SUBMISSION_" in variable:
            default = reader.whole(variable.replace("_SUBMISSION", ""), default, minimum=1)
        return reader.whole(variable, default, minimum=1)

    return [
        (name, RateLimit(whole(maximum, requests), whole(window, minutes) * MINUTE, by))
        for name, by, maximum, requests, window, minutes in RATE_LIMITS
    ]


def _violations(reader: Reader) -> ViolationSettings:
    scores = {kind: reader.whole(name, points, minimum=0) for kind, name, points in SCORES}
    interval = reader.whole("BAN_INTERVAL", 20, minimum=1)
    return ViolationSettings(ban=reader.flag("BAN_VIOLATIONS", False), interval=interval, scores=scores)


def _runs_at_once(reader: Reader) -> int | None:
    most = reader.whole("CONCURRENT_MESSAGE_MAX", 2, minimum=1)
    return most if reader.flag("LIMIT_CONCURRENT_MESSAGES", True) else None


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
