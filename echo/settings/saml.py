"""Coming in by SAML: LibreChat's `SAML_...` variables."""

import base64
import re
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from echo.settings.reader import Reader, SettingsError

BASE64 = re.compile(r"[A-Za-z0-9+/=\s]+")
BEGIN = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True)
class SamlSettings:
    """An identity provider, and what Echo is called there (`entity_id`).

    One of the `certificates` (DER in base64) must have signed what it says: the assertion, or with
    `response_signed` the whole response. Without an `issuer` it may call itself as it likes. The claims are names of
    attributes; without one LibreChat's own name goes.
    """

    entry_point: str
    entity_id: str
    certificates: tuple[str, ...]
    callback_url: str
    issuer: str | None = None
    response_signed: bool = False
    email_claim: str | None = None
    username_claim: str | None = None
    given_name_claim: str | None = None
    family_name_claim: str | None = None
    picture_claim: str | None = None
    name_claim: str | None = None
    label: str | None = None
    image_url: str | None = None


def read_saml(reader: Reader, callback_url: str) -> SamlSettings | None:
    """The identity provider that the settings name, None without its address, our name there and a certificate.

    Raises `SettingsError`.
    """
    entry_point, entity_id = reader.text("SAML_ENTRY_POINT"), reader.text("SAML_ISSUER")
    certificate, directory = reader.text("SAML_CERT"), reader.text("ECHO_LIBRECHAT_DIR")
    # A login that has begun is kept in the database, and belongs to a browser by a cookie of its own.
    reader.text("SAML_SESSION_SECRET")
    claims = {
        f"{name}_claim": reader.text(f"SAML_{name.upper()}_CLAIM")
        for name in ("email", "username", "given_name", "family_name", "picture", "name")
    }
    issuer = reader.text("ECHO_SAML_IDP_ISSUER")
    response_signed = reader.flag("SAML_USE_AUTHN_RESPONSE_SIGNED", False)
    label, image_url = reader.text("SAML_BUTTON_LABEL"), reader.text("SAML_IMAGE_URL")
    if not (entry_point and entity_id and certificate):
        return None
    if not entry_point.startswith(("http://", "https://")):
        raise SettingsError("SAML_ENTRY_POINT must begin with http:// or https://.")
    return SamlSettings(
        entry_point=entry_point,
        entity_id=entity_id,
        certificates=certificates_of(certificate, Path(directory) if directory else None),
        callback_url=callback_url,
        issuer=issuer,
        response_signed=response_signed,
        label=label,
        image_url=image_url,
        **claims,
    )


def needs_saml() -> None:
    """Raise `SettingsError` where the extra is not installed."""
    if not (find_spec("onelogin") and find_spec("xmlsec")):
        raise SettingsError("SAML_ENTRY_POINT needs the extra `saml`: pip install 'echo-api[saml]'.")


def certificates_of(value: str, directory: Path | None = None) -> tuple[str, ...]:
    """The certificates of PEM text, of the bare base64 of one, or of a file, which may be below the directory."""
    # Imported here: every command reads settings, and few of them have a certificate.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    problem = SettingsError("SAML_CERT must be a certificate in PEM, or the path of a file with one.")
    try:
        text = value.replace("\\n", "\n") if value.startswith("-----BEGIN") else _content(value, directory)
        if BEGIN not in text:
            text = f"{BEGIN}\n{text.strip()}\n-----END CERTIFICATE-----\n"
        found = x509.load_pem_x509_certificates(text.encode())
    except (OSError, ValueError) as error:
        raise problem from error
    return tuple(base64.b64encode(each.public_bytes(Encoding.DER)).decode() for each in found)


def _content(value: str, directory: Path | None) -> str:
    path = Path(value).expanduser()
    for place in (path, directory / path if directory else path):
        # A certificate itself can be too long for a name of a file.
        with suppress(OSError):
            return place.read_text()
    if not BASE64.fullmatch(value):
        raise ValueError
    return value
