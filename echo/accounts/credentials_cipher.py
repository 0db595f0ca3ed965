"""Encryption of what users entrust, in LibreChat's formats, so that both servers read both's.

LibreChat has three, all with AES-256 under `CREDS_KEY`. Its `keys` collection uses the first, tokens of MCP servers
the second, the second factor of accounts the last, or in older accounts the second:

1. CBC with the one vector `CREDS_IV`: the ciphertext in hex;
2. CBC with a vector of its own: `vector:ciphertext`;
3. CTR with a counter block of its own: `v3:block:ciphertext`.

None of them is authenticated: who can write to the database can change what is decrypted. That is LibreChat's format,
and the price of sharing its data.
"""

import os

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC, CTR
from cryptography.hazmat.primitives.padding import PKCS7

KEY_BYTES = 32
BLOCK_BYTES = 16
BLOCK_BITS = BLOCK_BYTES * 8
VERSION_3 = "v3"


class Undecipherable(Exception):
    """What is stored was not encrypted with these keys, or not in a format that is known."""


class CredentialsCipher:
    """Encrypts and decrypts texts; `key` and `vector` are hexadecimal, as `CREDS_KEY` and `CREDS_IV` are.

    Raises `ValueError` for another length than 32 and 16 bytes.
    """

    def __init__(self, key: str, vector: str) -> None:
        self._algorithm = AES256(bytes.fromhex(key))
        self._vector = bytes.fromhex(vector)
        if len(self._vector) != BLOCK_BYTES:
            raise ValueError("the vector must have 16 bytes")

    def encrypt(self, text: str) -> str:
        """The text in the first format, which every version of LibreChat reads."""
        padder = PKCS7(BLOCK_BITS).padder()
        padded = padder.update(text.encode()) + padder.finalize()
        encryptor = Cipher(self._algorithm, CBC(self._vector)).encryptor()
        return (encryptor.update(padded) + encryptor.finalize()).hex()

    def encrypt_anew(self, text: str) -> str:
        """The text in the second format, which LibreChat uses for tokens and MCP servers."""
        vector = os.urandom(BLOCK_BYTES)
        padder = PKCS7(BLOCK_BITS).padder()
        padded = padder.update(text.encode()) + padder.finalize()
        encryptor = Cipher(self._algorithm, CBC(vector)).encryptor()
        return f"{vector.hex()}:{(encryptor.update(padded) + encryptor.finalize()).hex()}"

    def encrypt_newest(self, text: str) -> str:
        """The text in the third format, which LibreChat uses for the second factor of accounts."""
        block = os.urandom(BLOCK_BYTES)
        encryptor = Cipher(self._algorithm, CTR(block)).encryptor()
        ciphertext = encryptor.update(text.encode()) + encryptor.finalize()
        return f"{VERSION_3}:{block.hex()}:{ciphertext.hex()}"

    def decrypt(self, stored: str) -> str:
        """The text of any of the formats; raises `Undecipherable`."""
        try:
            *head, ciphertext = (
                part if part == VERSION_3 else bytes.fromhex(part) for part in stored.split(":")
            )
            match head, ciphertext:
                case [], bytes():
                    return self._decrypt_cbc(self._vector, ciphertext)
                case [bytes() as vector], bytes():
                    return self._decrypt_cbc(vector, ciphertext)
                case [str(), bytes() as block], bytes():
                    return self._decrypt_ctr(block, ciphertext)
        except ValueError as error:
            raise Undecipherable from error
        raise Undecipherable

    def _decrypt_cbc(self, vector: bytes, ciphertext: bytes) -> str:
        decryptor = Cipher(self._algorithm, CBC(vector)).decryptor()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        unpadder = PKCS7(BLOCK_BITS).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()

    def _decrypt_ctr(self, block: bytes, ciphertext: bytes) -> str:
        decryptor = Cipher(self._algorithm, CTR(block)).decryptor()
        return (decryptor.update(ciphertext) + decryptor.finalize()).decode()
