"""Codes of authenticator apps."""

import base64
import secrets

import pyotp
import pytest

from echo.accounts.totp import UnusableSecret, matching_step, new_secret, setup_address

# RFC 6238, appendix B: its secret, and for these moments the last six of the eight digits.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [
    (59, "287082"),
    (1111111109, "081804"),
    (1111111111, "050471"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


@pytest.mark.parametrize(("moment", "code"), VECTORS)
class TestTheVectorsOfTheRfc:
    def test_are_accepted(self, moment: int, code: str) -> None:
        assert matching_step(SECRET, code, moment=moment) == moment // 30

    def test_one_step_early_and_late_too(self, moment: int, code: str) -> None:
        for shift in (-30, 30) if moment > 100 else (30,):
            assert matching_step(SECRET, code, moment=moment + shift) == moment // 30

    def test_two_steps_early_or_late_they_are_not(self, moment: int, code: str) -> None:
        for shift in (90, -60) if moment > 100 else (90,):
            assert matching_step(SECRET, code, moment=moment + shift) != moment // 30


@pytest.mark.parametrize("code", ["", "28708", "2870820", "287083", "é", "\0", "-1", "x" * 100, "287082x"])
def test_what_is_no_code_is_refused(code: str) -> None:
    assert matching_step(SECRET, code, moment=59) is None


def test_a_secret_of_librechats_length_is_good() -> None:
    assert matching_step("JBSWY3DPEHPK3PXP", "996554", moment=59) == 1


@pytest.mark.parametrize("secret", ["", "not base32!", "GEZDGNBV", "é" * 20, "\0" * 32])
def test_an_unusable_secret_says_so(secret: str) -> None:
    with pytest.raises(UnusableSecret):
        matching_step(secret, "287082", moment=59)


def test_a_new_secret_has_160_random_bits() -> None:
    made = {new_secret() for _ in range(50)}
    assert len(made) == 50
    assert {len(base64.b32decode(each)) for each in made} == {20}


def test_the_setup_address_is_read_back_as_it_was_meant() -> None:
    secret, account = new_secret(), f"{secrets.token_hex(4)}+a&b@example.com"
    address = setup_address(secret, account=account, issuer="My Chat & Co")
    assert address.startswith("otpauth://totp/")
    app = pyotp.parse_uri(address)
    assert isinstance(app, pyotp.TOTP)
    assert (app.secret, app.name, app.issuer) == (secret, account, "MyChat&Co")
    assert (app.digits, app.interval) == (6, 30)
