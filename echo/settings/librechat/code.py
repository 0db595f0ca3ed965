"""LibreChat's code interpreter: where it is, and how requests to it are signed."""

import base64
import binascii
from typing import Any

from echo.settings.reader import Reader, SettingsError
from echo.settings.tools import CodeSettings, CodeSigning

# Where LibreChat's own is.
CODE_URL = "https://api.librechat.ai/v1"
MOST_SECONDS, MOST_REUSED = 300, 30
KEYS = "CODEAPI_JWT_PRIVATE_KEY, CODEAPI_JWT_PRIVATE_KEY_BASE64 or CODEAPI_JWT_PRIVATE_JWK_JSON"


def read_code(reader: Reader) -> CodeSettings | None:
    """The service that runs code; None where none is set."""
    url, key = reader.text("LIBRECHAT_CODE_BASEURL"), reader.text("LIBRECHAT_CODE_API_KEY")
    lasting = reader.text("LIBRECHAT_CODE_BASEURL_STATEFUL")
    signing = _signing(reader)
    if not (url or key):
        return None
    return CodeSettings((url or CODE_URL).rstrip("/"), key, lasting.rstrip("/") if lasting else None, signing)


def _signing(reader: Reader) -> CodeSigning | None:
    provider = reader.text("CODEAPI_AUTH_PROVIDER")
    wanted = reader.flag("CODEAPI_JWT_ENABLED", False) or provider in ("librechat-jwt", "both")
    algorithm = reader.text("CODEAPI_JWT_ALGORITHM", "EdDSA", one_of=("EdDSA", "RS256"))
    key_id = reader.text("CODEAPI_JWT_KID") or reader.text("CODEAPI_JWT_KEY_ID", "lc-codeapi-2026-05")
    seconds = reader.whole("CODEAPI_JWT_TTL_SECONDS", MOST_SECONDS, minimum=1)
    reused = reader.whole("CODEAPI_JWT_MINT_CACHE_SECONDS", MOST_REUSED, minimum=1)
    issuer, audience = (
        reader.text("CODEAPI_JWT_ISSUER", "librechat"),
        reader.text("CODEAPI_JWT_AUDIENCE", "codeapi"),
    )
    tenant, key = reader.text("CODEAPI_JWT_SINGLE_TENANT_ID", "legacy"), _key(reader, algorithm)
    if not wanted:
        return None
    if key is None:
        raise SettingsError(f"Signed requests to the code interpreter need a key: {KEYS}.")
    return CodeSigning(
        key,
        algorithm,
        key_id,
        issuer,
        audience,
        min(seconds, MOST_SECONDS),
        min(reused, MOST_REUSED),
        tenant,
    )


def _key(reader: Reader, algorithm: str) -> Any:
    """The private key, ready to sign; None where there is none."""
    plain, encoded, jwk = (
        reader.text(name)
        for name in (
            "CODEAPI_JWT_PRIVATE_KEY",
            "CODEAPI_JWT_PRIVATE_KEY_BASE64",
            "CODEAPI_JWT_PRIVATE_JWK_JSON",
        )
    )
    if not (plain or encoded or jwk):
        return None
    # Imported here: few have a key, and it takes as long as to read all other settings.
    import jwt  # noqa: PLC0415

    try:
        if not plain and encoded:
            plain = base64.b64decode(encoded).decode()
        said = plain or jwk
        if not said:
            return None
        if said.lstrip().startswith("{"):
            key = jwt.PyJWK.from_json(said, algorithm).key
        else:
            key = jwt.get_algorithm_by_name(algorithm).prepare_key(said.replace("\\n", "\n").strip())
        if not hasattr(key, "sign"):
            raise ValueError
        return key
    except (jwt.PyJWTError, ValueError, TypeError, binascii.Error) as error:
        raise SettingsError(f"The key of {KEYS} cannot be read, or is not one of {algorithm}.") from error
