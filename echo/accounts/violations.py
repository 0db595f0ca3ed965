"""Bans by themselves, as LibreChat has them: whoever keeps going over limits is kept out for a while.

Every refusal by a limit is worth some points, by its kind. Each time an account's points of one kind reach a multiple
of `BAN_INTERVAL`, the account is banned, its sessions end, and the address is banned too. Who is not logged in has an
address only.
Written after LibreChat's documentation of its moderation system, and `api/cache/banViolation.js`.
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from echo.handling.caller import subscriber
from echo.settings import Settings
from storage.accounts.bans import BanRepository
from storage.accounts.sessions import SessionRepository
from storage.accounts.violations import ViolationRepository
from storage.core.errors import StorageError
from storage.runs.runs import RunRepository

log = structlog.get_logger(__name__)

LOGINS, REGISTRATIONS, CONCURRENT, MESSAGES = "logins", "registrations", "concurrent", "message_limit"
# LibreChat's kinds, by the limits of the contract. A limit that is not here is no violation: programs with an API
# key and clients that refresh are told when to come back, and come back.
KINDS = {
    "login_ip": LOGINS,
    "login_account": LOGINS,
    "two_factor_ip": "two_factor",
    "two_factor_account": "two_factor",
    "two_factor_account_day": "two_factor",
    "register_ip": REGISTRATIONS,
    "reset_ip": "reset_password_limit",
    "reset_email": "reset_password_limit",
    "reset_submit_ip": "reset_password_submission",
    "verify_ip": "verify_email_limit",
    "verify_email": "verify_email_limit",
    "verify_submit_ip": "verify_email_submission",
    "message_ip": MESSAGES,
    "message_user": MESSAGES,
    "fork_ip": "fork_limit",
    "fork_user": "fork_limit",
    "import_ip": "import_limit",
    "import_user": "import_limit",
    "upload_ip": "file_upload_limit",
    "upload_user": "file_upload_limit",
    "stt_ip": "stt_limit",
    "stt_user": "stt_limit",
    "tts_ip": "tts_limit",
    "tts_user": "tts_limit",
    "tool_call_user": "tool_call_limit",
}


@dataclass(frozen=True)
class ViolationStores:
    """What a ban touches."""

    violations: ViolationRepository
    bans: BanRepository
    sessions: SessionRepository
    runs: RunRepository


class Violations:
    """Counts violations, and bans; does nothing unless `BAN_VIOLATIONS` is on. Blocks: to be called in a thread."""

    def __init__(self, settings: Settings, stores: ViolationStores) -> None:
        self._rules = settings.violations
        self._ban_time = timedelta(seconds=settings.ban_seconds)
        self._stores = stores

    def limit_exceeded(self, limit: str, account: str | None, address: str) -> None:
        """A request was refused by a limit of the contract. Raises nothing: it is refused already."""
        if kind := KINDS.get(limit):
            self.count(kind, account, address)

    def count(self, kind: str, account: str | None, address: str | None) -> None:
        """Count a violation of an account, or of an address without one, and ban if it is one too many."""
        points = self._rules.scores.get(kind)
        if not self._rules.ban or not points or (account is None and address is None):
            return
        try:
            total = self._added(kind, points, account, address)
            if total // self._rules.interval > (total - points) // self._rules.interval:
                self._ban(kind, total, account, address)
        except StorageError as error:
            log.warning("a violation could not be counted", kind=kind, cause=repr(error))

    def banned_until(self, address: str) -> datetime | None:
        """The end of the ban of an address; None where there is none."""
        return self._stores.bans.address_until(subscriber(address)) if self._rules.ban else None

    def _added(self, kind: str, points: int, account: str | None, address: str | None) -> int:
        if account is not None:
            return self._stores.violations.add(account, kind, points)
        hashed = hashlib.sha256(subscriber(str(address)).encode()).hexdigest()[:32]
        return self._stores.violations.add_of_address(hashed, kind, points)

    def _ban(self, kind: str, total: int, account: str | None, address: str | None) -> None:
        until = datetime.now(UTC).replace(microsecond=0) + self._ban_time
        if account is not None:
            # In this order: a login of this moment finds the ban, or its session is among those that end.
            self._stores.bans.ban(account, until=until, kind=kind, points=total)
            self._stores.sessions.delete_all(account)
            self._stores.runs.request_abort_all(account)
            log.warning("account banned for violations", user=account, kind=kind, points=total)
        if address is not None and may_be_banned(address):
            self._stores.bans.ban_address(
                subscriber(address), until=until, kind=kind, points=total, owner=account
            )
            log.warning("address banned for violations", address=subscriber(address), kind=kind, points=total)


def may_be_banned(address: str) -> bool:
    """Whether an address is a subscriber's in the internet.

    Any other is this machine, a private network or, with `TRUST_PROXY` too low, the proxy: to ban it would shut
    everybody out.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_global
