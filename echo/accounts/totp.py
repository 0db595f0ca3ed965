"""Codes of authenticator apps: time-based one-time passwords (RFC 6238), six digits of SHA-1 each thirty seconds."""

from typing import ClassVar

import pyotp
from pyotp.exceptions import OTPVerificationError

# One step before and after the present one: clocks differ, and people type slowly (RFC 6238, section 5.2).
WINDOW = 1


class UnusableSecret(Exception):
    """The secret is no base32, or too short."""


class Totp(pyotp.TOTP):
    """The library's, for secrets of LibreChat's length too: the library's own least one is 112 bits."""

    min_secret_length_bits: ClassVar[int] = 80


def new_secret() -> str:
    """A secret of 160 random bits in base32, the length that RFC 4226, section 4, recommends."""
    return pyotp.random_base32()


def matching_step(secret: str, code: str, *, moment: float | None = None) -> int | None:
    """The number of the step of time whose code this is, None if it is none of now; `moment` is in seconds.

    Raises `UnusableSecret`.
    """
    try:
        return Totp(secret).verify_and_get_timecode(code, for_time=moment, valid_window=WINDOW)
    except OTPVerificationError:
        return None
    except ValueError as error:
        raise UnusableSecret from error


def setup_address(secret: str, *, account: str, issuer: str) -> str:
    """The `otpauth://` address that an app reads from a picture of it."""
    # As in LibreChat: apps differ in how they read blanks.
    return Totp(secret).provisioning_uri(name=account, issuer_name="".join(issuer.split()))
