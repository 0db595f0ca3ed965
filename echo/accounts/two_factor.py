"""The second factor: codes of an authenticator app and backup codes, as LibreChat keeps them."""

import hashlib
import re
import secrets
from dataclasses import dataclass
from typing import Any

import structlog

from echo.accounts.credentials_cipher import CredentialsCipher, Undecipherable
from echo.accounts.letters import FACTOR_OFF, FACTOR_ON
from echo.accounts.totp import UnusableSecret, matching_step, new_secret, setup_address
from echo.accounts.writing import Notices
from echo.errors import Conflict, Forbidden, ServiceUnavailable
from storage.accounts.two_factor import TwoFactorRepository, UsedCodeRepository
from storage.core.errors import NotFound

log = structlog.get_logger(__name__)

# As LibreChat's.
BACKUP_CODES = 10
BACKUP_CODE_BYTES = 4


@dataclass(frozen=True)
class Proof:
    """What is offered as the second factor: the code of an app, or a backup code. With both the first counts."""

    token: str | None = None
    backup_code: str | None = None


@dataclass(frozen=True)
class Setup:
    """What an app and its owner need; both are shown now and never again."""

    address: str
    backup_codes: list[str]


@dataclass(frozen=True)
class NewBackupCodes:
    """Backup codes, shown now and never again, and how they are stored."""

    codes: list[str]
    stored: list[dict[str, Any]]


class TwoFactorService:
    """What the operations under `/api/auth/2fa` do. Without a cipher no secret can be read: then nothing goes."""

    def __init__(
        self,
        factors: TwoFactorRepository,
        used_codes: UsedCodeRepository,
        cipher: CredentialsCipher | None,
        *,
        issuer: str,
        notices: Notices,
    ) -> None:
        self._factors = factors
        self._used_codes = used_codes
        self._cipher = cipher
        self._issuer = issuer
        self._notices = notices

    def require_cipher(self) -> CredentialsCipher:
        """What reads the secrets; raises `ServiceUnavailable` where the settings have no key for it."""
        if self._cipher is None:
            raise ServiceUnavailable(
                "Two-factor authentication needs CREDS_KEY and CREDS_IV, which this server does not have.",
                code="two_factor_unavailable",
            )
        return self._cipher

    def prove(self, owner: str, proof: Proof) -> bool:
        """Whether it is the account's second factor, which is then used up: no code is good for twice.

        False also where the second factor is off. Raises `ServiceUnavailable`.
        """
        self.require_cipher()
        try:
            factor = self._factors.get(owner)
        except NotFound:
            return False
        if not factor.enabled:
            return False
        if proof.token:
            return self._use_token(owner, factor.secret, proof.token)
        return bool(proof.backup_code) and self._factors.use_backup_code(
            owner, hash_code(proof.backup_code or "")
        )

    def begin(self, owner: str, email: str, proof: Proof) -> Setup:
        """A new secret and backup codes, in force once they are confirmed. In place of a factor only by proof of it.

        Raises `Forbidden` and `ServiceUnavailable`.
        """
        cipher = self.require_cipher()
        proven = self._is_proven(owner, proof)
        secret, codes = new_secret(), new_backup_codes()
        hashes = [hash_code(each) for each in codes]
        begun = self._factors.begin(
            owner, secret=cipher.encrypt_newest(secret), code_hashes=hashes, proven=proven
        )
        if not begun:
            # Another session has put one in force meanwhile.
            raise self._refusal()
        return Setup(setup_address(secret, account=email, issuer=self._issuer), codes)

    def look(self, owner: str, proof: Proof) -> None:
        """Check a code, of what waits for its confirmation if something does, and use nothing up.

        Raises `Forbidden` for one that is wrong, `Conflict` where there is none to check, and `ServiceUnavailable`.
        """
        self.require_cipher()
        factor = self._factors.get(owner)
        secret = factor.pending_secret or factor.secret
        if secret is None:
            raise self._not_begun()
        if proof.token:
            good = self._step(secret, proof.token) is not None
        else:
            hashed = hash_code(proof.backup_code or "")
            good = hashed in factor.pending_codes or self._factors.has_backup_code(owner, hashed)
        if not good:
            raise self._refusal()

    def confirm(self, owner: str, token: str) -> None:
        """Put in force what waits, by a code of it.

        Raises `Forbidden` for one that is wrong, `Conflict` where nothing waits, and `ServiceUnavailable`.
        """
        self.require_cipher()
        factor = self._factors.get(owner)
        if factor.pending_secret is None:
            raise self._not_begun()
        if not self._use_token(owner, factor.pending_secret, token):
            raise self._refusal()
        codes = factor.pending_codes
        if not self._factors.confirm(owner, secret=factor.pending_secret, code_hashes=codes):
            # It was set up anew meanwhile.
            raise self._not_begun()
        self._notices.tell(owner, FACTOR_ON)

    def disable(self, owner: str, proof: Proof) -> None:
        """Switch off what is in force, by proof of it, and forget what waits.

        Raises `Forbidden` and `ServiceUnavailable`.
        """
        proven = self._is_proven(owner, proof)
        if not self._factors.disable(owner, proven=proven):
            raise self._refusal()
        if proven:
            self._notices.tell(owner, FACTOR_OFF)

    def regenerate(self, owner: str, proof: Proof) -> NewBackupCodes:
        """New backup codes in place of all others, by proof.

        Raises `Conflict` where the second factor is off, `Forbidden` and `ServiceUnavailable`.
        """
        codes = new_backup_codes()
        proven = self._is_proven(owner, proof)
        stored = proven and self._factors.replace_backup_codes(owner, [hash_code(each) for each in codes])
        if not stored:
            raise Conflict("Two-factor authentication is off.", code="two_factor_off")
        return NewBackupCodes(codes, stored)

    def demand(self, owner: str, proof: Proof) -> None:
        """Nothing for an account without a second factor; raises `Forbidden` for one that this does not prove."""
        self._is_proven(owner, proof)

    def _is_proven(self, owner: str, proof: Proof) -> bool:
        """False where there is no factor in force. Raises `Forbidden` where there is one that this does not prove."""
        if not self._factors.get(owner).enabled:
            return False
        if not self.prove(owner, proof):
            raise self._refusal()
        return True

    def _use_token(self, owner: str, stored: str | None, token: str) -> bool:
        step = self._step(stored, token)
        return step is not None and self._used_codes.use(owner, secret=stored or "", step=step)

    def _step(self, stored: str | None, token: str) -> int | None:
        """The step of time whose code it is. A secret that cannot be read has no codes: that is logged."""
        if stored is None:
            return None
        try:
            # The oldest accounts have it as it is.
            secret = self.require_cipher().decrypt(stored) if ":" in stored else stored
            return matching_step(secret, without_blanks(token))
        except (Undecipherable, UnusableSecret):
            log.warning("an account's second factor was not encrypted with this CREDS_KEY")
            return None

    @staticmethod
    def _refusal() -> Forbidden:
        return Forbidden("That needs a valid code of the second factor.", code="code_refused")

    @staticmethod
    def _not_begun() -> Conflict:
        return Conflict("Two-factor authentication is not being set up.", code="two_factor_not_begun")


def new_backup_codes() -> list[str]:
    """Codes for when the app is not at hand, in LibreChat's form."""
    return [secrets.token_hex(BACKUP_CODE_BYTES) for _ in range(BACKUP_CODES)]


def hash_code(code: str) -> str:
    """The form in which a backup code is stored: SHA-256 in hex, as LibreChat stores it."""
    return hashlib.sha256(without_blanks(code).encode()).hexdigest()


def without_blanks(code: str) -> str:
    """A code as it is meant: apps show them in groups."""
    return re.sub(r"\s", "", code)
