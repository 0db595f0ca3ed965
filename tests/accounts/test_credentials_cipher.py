"""Provider keys as LibreChat encrypts them."""

import json
import re
from pathlib import Path

import pytest

from echo.accounts.credentials_cipher import CredentialsCipher, Undecipherable

# The keys with which LibreChat wrote the database of tests/librechat.
KEY, VECTOR = "c0" * 32, "d1" * 16
DATABASE = Path(__file__).parents[1] / "librechat" / "database.json"


@pytest.fixture
def cipher() -> CredentialsCipher:
    return CredentialsCipher(KEY, VECTOR)


class TestDecrypt:
    def test_reads_what_librechat_wrote(self, cipher: CredentialsCipher) -> None:
        stored = json.loads(DATABASE.read_text())["collections"]["keys"]["documents"][0]["value"]
        assert cipher.decrypt(stored) == "sk-fake2"

    # Made with the crypto module of Node.js, in the formats of the LibreChat functions of these names.
    @pytest.mark.parametrize(
        "stored",
        [
            "000102030405060708090a0b0c0d0e0f:a0455dfedd8810b613e868478e858d1e",
            "v3:000102030405060708090a0b0c0d0e0f:d39bbdefae883e",
        ],
        ids=["encryptV2", "encryptV3"],
    )
    def test_reads_the_newer_formats(self, cipher: CredentialsCipher, stored: str) -> None:
        assert cipher.decrypt(stored) == "grüße"

    @pytest.mark.parametrize("text", ["", "x", "sixteen bytes, ..", "grüße 😀\0", "x" * 20_000])
    def test_reads_what_encrypt_wrote(self, cipher: CredentialsCipher, text: str) -> None:
        stored = cipher.encrypt(text)
        assert cipher.decrypt(stored) == text
        assert bytes.fromhex(stored)

    @pytest.mark.parametrize(
        "stored",
        [
            "",
            "zz",
            "00",
            "00" * 16,
            ":",
            "v3",
            "v3:",
            "v3:00:00",
            "v3:00:v3",
            "00:v3",
            "1:2:3:4",
            "ä",
            "None",
        ],
    )
    def test_refuses_what_is_none_of_them(self, cipher: CredentialsCipher, stored: str) -> None:
        with pytest.raises(Undecipherable):
            cipher.decrypt(stored)

    def test_refuses_what_other_keys_wrote(self, cipher: CredentialsCipher) -> None:
        stored = CredentialsCipher("c1" * 32, VECTOR).encrypt("a secret of some length, longer than a block")
        with pytest.raises(Undecipherable):
            cipher.decrypt(stored)


@pytest.mark.parametrize(
    ("key", "vector", "why"),
    [
        ("c0" * 16, VECTOR, r"key size"),
        (KEY, "d1" * 15, r"^the vector must have 16 bytes$"),
        ("zz" * 32, VECTOR, r"non-hexadecimal"),
    ],
)
def test_keys_of_another_length_are_refused(key: str, vector: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        CredentialsCipher(key, vector)


class TestEncryptAnew:
    def test_is_read_back(self, cipher: CredentialsCipher) -> None:
        # The second of LibreChat's formats: a vector of 16 bytes, a colon, whole blocks.
        stored = cipher.encrypt_anew("a token of some length, longer than a block")
        assert re.fullmatch(r"[0-9a-f]{32}:[0-9a-f]{96}", stored)
        assert cipher.decrypt(stored) == "a token of some length, longer than a block"

    def test_never_uses_a_vector_twice(self, cipher: CredentialsCipher) -> None:
        assert len({cipher.encrypt_anew("one text") for _ in range(50)}) == 50


class TestEncryptNewest:
    def test_is_read_back(self, cipher: CredentialsCipher) -> None:
        stored = cipher.encrypt_newest("JBSWY3DPEHPK3PXP")
        assert stored.startswith("v3:")
        assert cipher.decrypt(stored) == "JBSWY3DPEHPK3PXP"

    def test_never_uses_a_counter_block_twice(self, cipher: CredentialsCipher) -> None:
        assert len({cipher.encrypt_newest("one text") for _ in range(50)}) == 50
