"""An authenticator in software, as a browser has one: https://www.w3.org/TR/webauthn-3/."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


def text(value: bytes) -> str:
    """In base64url, as the JSON forms have bytes."""
    return urlsafe_b64encode(value).rstrip(b"=").decode()


@dataclass
class Authenticator:
    """One key for one site; what it says may be bent for attacks."""

    origin: str = "http://localhost:3080"
    host: str = "localhost"
    flags: int = PRESENT | VERIFIED
    count: int = 0
    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: secrets.token_bytes(16))
    handle: str | None = None

    def create(self, challenge: dict[str, Any]) -> dict[str, Any]:
        """The answer to a challenge for a new passkey."""
        options = challenge["publicKey"]
        self.handle = options["user"]["id"]
        numbers = self.key.public_key().public_numbers()
        # A key of COSE (RFC 9053, section 7.1.1): EC2, ES256, P-256.
        public = cbor2.dumps(
            {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        )
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public
        made = {"fmt": "none", "attStmt": {}, "authData": self._data(ATTESTED) + attested}
        said = self._said("webauthn.create", options["challenge"])
        answer = {"clientDataJSON": text(said), "attestationObject": text(cbor2.dumps(made))}
        return self._credential({**answer, "transports": ["internal"]})

    def sign(self, challenge: dict[str, Any]) -> dict[str, Any]:
        """The answer to a challenge for a login."""
        self.count += 1
        data, said = self._data(), self._said("webauthn.get", challenge["publicKey"]["challenge"])
        signature = self.key.sign(data + hashlib.sha256(said).digest(), ec.ECDSA(SHA256()))
        answer = {"clientDataJSON": text(said), "authenticatorData": text(data), "signature": text(signature)}
        return self._credential({**answer, "userHandle": self.handle})

    def _data(self, more: int = 0) -> bytes:
        host = hashlib.sha256(self.host.encode()).digest()
        return host + bytes([self.flags | more]) + self.count.to_bytes(4, "big")

    def _said(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        return {"id": text(self.id), "rawId": text(self.id), "type": "public-key", "response": response}
