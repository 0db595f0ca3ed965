import bcrypt
import pytest

from echo.accounts import passwords
from echo.accounts.passwords import check_new_password, hash_password, verify_password
from echo.errors import FieldError, InvalidRequest


@pytest.fixture(autouse=True)
def quick_hashes() -> None:
    """Hashes here cost what they cost in production."""
    passwords._dummy_hash.cache_clear()


def test_a_hash_costs_as_much_as_librechats() -> None:
    assert hash_password("swordfish 42").startswith("$2b$10$")


class TestVerify:
    def test_fits_its_own_hash_only(self) -> None:
        hashed = hash_password("swordfish 42")
        assert verify_password("swordfish 42", hashed)
        assert not verify_password("swordfish 43", hashed)

    @pytest.mark.parametrize("prefix", ["2a", "2b"])
    def test_takes_the_hashes_of_librechat(self, prefix: str) -> None:
        hashed = bcrypt.hashpw(b"password-ada1", bcrypt.gensalt(4, prefix.encode())).decode()
        assert verify_password("password-ada1", hashed)

    def test_looks_at_72_bytes_as_bcryptjs_does(self) -> None:
        hashed = hash_password("é" * 36)
        assert verify_password("é" * 36 + "more", hashed)

    @pytest.mark.parametrize("stored", [None, "", "not a hash", "$2b$10$short"])
    def test_is_false_without_a_usable_hash(self, stored: str | None) -> None:
        assert not verify_password("anything", stored)

    def test_hashes_for_an_unknown_account_too(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rounds: list[bytes] = []
        real = bcrypt.checkpw
        monkeypatch.setattr(bcrypt, "checkpw", lambda p, h: rounds.append(h[:7]) or real(p, h))
        verify_password("x", None)
        assert rounds == [b"$2b$10$"]


class TestNewPassword:
    @pytest.mark.parametrize(
        ("password", "code"),
        [
            ("1234567", "weak_password"),
            ("x" * 73, "weak_password"),
            ("é" * 37, "weak_password"),
            ("nul\0inside", "weak_password"),
            ("password1", "common_password"),
            ("PassWord1", "common_password"),
        ],
    )
    def test_is_refused(self, password: str, code: str) -> None:
        with pytest.raises(InvalidRequest) as refused:
            check_new_password(password, minimum=8)
        assert refused.value.code == code
        assert [error.field for error in refused.value.errors] == ["password"]
        assert password not in refused.value.message

    @pytest.mark.parametrize(
        ("password", "reason"),
        [
            ("123456789", "must have at least 10 characters"),
            ("x" * 73, "must have at most 72 bytes in UTF-8"),
            ("nul\0 inside", "must not contain NUL"),
            ("1234567890", "is one of the most common passwords"),
        ],
    )
    def test_is_refused_with_a_reason(self, password: str, reason: str) -> None:
        with pytest.raises(InvalidRequest) as refused:
            check_new_password(password, minimum=10)
        assert refused.value.message == f"The password {reason}."
        assert refused.value.errors == (FieldError("password", reason),)

    @pytest.mark.parametrize("password", ["gr8 Echo", "x" * 72, "é" * 36, "пароль из слов"])
    def test_is_accepted(self, password: str) -> None:
        check_new_password(password, minimum=8)
