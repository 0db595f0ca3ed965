"""Limits of how often something may be done, and what it counts to do it more often."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from echo.settings.reader import Reader

MINUTE = 60
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


@dataclass(frozen=True)
class RateLimit:
    """So many requests in so many seconds, counted `by` "address", "account", "email" or "pending".

    The last is the account of a login that waits for its second factor.
    """

    limit: int
    window_seconds: int
    by: str


@dataclass(frozen=True)
class ViolationSettings:
    """Bans by violations: whether there are any, at every how many points, and the points for each kind."""

    ban: bool = False
    interval: int = 20
    scores: Mapping[str, int] = field(default_factory=dict)


def read_rate_limits(reader: Reader) -> list[tuple[str, RateLimit]]:
    """The limits by their names."""

    def whole(variable: str, default: int) -> int:
        # As in LibreChat: what submits a link's token has the limit of what asks for it, if it has none of its own.
        if "_SUBMISSION_" in variable:
            default = reader.whole(variable.replace("_SUBMISSION", ""), default, minimum=1)
        return reader.whole(variable, default, minimum=1)

    return [
        (name, RateLimit(whole(maximum, requests), whole(window, minutes) * MINUTE, by))
        for name, by, maximum, requests, window, minutes in RATE_LIMITS
    ]


def read_violations(reader: Reader) -> ViolationSettings:
    """What violations count, and whether they lead to a ban."""
    scores = {kind: reader.whole(name, points, minimum=0) for kind, name, points in SCORES}
    interval = reader.whole("BAN_INTERVAL", 20, minimum=1)
    return ViolationSettings(ban=reader.flag("BAN_VIOLATIONS", False), interval=interval, scores=scores)


def read_runs_at_once(reader: Reader) -> int | None:
    """How many answers an account may have at once in chats; None is no limit."""
    most = reader.whole("CONCURRENT_MESSAGE_MAX", 2, minimum=1)
    return most if reader.flag("LIMIT_CONCURRENT_MESSAGES", True) else None
