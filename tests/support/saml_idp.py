"""A SAML identity provider: `pysaml2`'s, in this process. What it says can be changed before and after it signs."""

import base64
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import xmlsec
from cryptography.hazmat.primitives.asymmetric import rsa
from lxml import etree

from tests.support.certificates import certificate, key_pem, pem

with warnings.catch_warnings():
    # It still offers ciphers that `cryptography` is about to move.
    warnings.simplefilter("ignore")
    from saml2 import BINDING_HTTP_REDIRECT
    from saml2.config import IdPConfig
    from saml2.saml import NAMEID_FORMAT_EMAILADDRESS, NAMEID_FORMAT_PERSISTENT, NameID
    from saml2.server import Server
    from saml2.sigver import CryptoBackend
    from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256

ENTITY_ID = "https://idp.example.com/metadata"
ENTRY_POINT = "https://idp.example.com/sso"
PASSWORD_CONTEXT = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
BASIC = "urn:oasis:names:tc:SAML:2.0:attrname-format:basic"
NAMESPACES = {
    "samlp": "urn:oasis:names:tc:SAML:2.0:protocol",
    "saml": "urn:oasis:names:tc:SAML:2.0:assertion",
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
# What an operator registers of Echo there; the address for answers comes with each request.
ECHO = f"""\
<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="echo">
  <md:SPSSODescriptor protocolSupportEnumeration="{NAMESPACES["samlp"]}">
    <md:AssertionConsumerService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" index="0"
      Location="https://chat.example.com/oauth/saml/callback"/>
  </md:SPSSODescriptor>
</md:EntityDescriptor>
"""
Change = Callable[[Any], Any]


@dataclass(frozen=True)
class Asked:
    """A request as the provider read it."""

    id: str
    relay_state: str
    callback: str
    entity_id: str


class Signer(CryptoBackend):
    """What `pysaml2` leaves to the program `xmlsec1`, by the library of the same name."""

    def __init__(self, change: Change | None = None) -> None:
        self.change = change

    def sign_statement(
        self, statement: Any, node_name: str, key_file: str, node_id: str, *_further: Any
    ) -> str:
        root = etree.fromstring(statement if isinstance(statement, bytes) else str(statement).encode())
        if self.change:
            root = self.change(root)
        return etree.tostring(sign(root, node_id, key_file)).decode()


class IdentityProvider:
    """One provider with a key of its own; the certificate is what SAML_CERT has."""

    def __init__(self, directory: Path, name: str = "idp") -> None:
        key = rsa.generate_private_key(65537, 2048)
        self.key_file, self.certificate_file = directory / f"{name}.key", directory / f"{name}.pem"
        self.key_file.write_bytes(key_pem(key))
        self.certificate_file.write_bytes(pem(certificate(name, key, name, key)))
        self._server = Server(config=IdPConfig().load(self._configuration()))

    def _configuration(self) -> dict[str, Any]:
        return {
            "entityid": ENTITY_ID,
            "xmlsec_binary": "/bin/false",
            "key_file": str(self.key_file),
            "cert_file": str(self.certificate_file),
            "metadata": {"inline": [ECHO]},
            "service": {
                "idp": {
                    "endpoints": {"single_sign_on_service": [(ENTRY_POINT, BINDING_HTTP_REDIRECT)]},
                    "policy": {"default": {"lifetime": {"minutes": 5}, "name_form": BASIC}},
                }
            },
        }

    def read(self, location: str) -> Asked:
        """The request that a browser was sent here with."""
        query = parse_qs(urlsplit(location).query)
        request = self._server.parse_authn_request(query["SAMLRequest"][0], BINDING_HTTP_REDIRECT).message
        return Asked(
            request.id,
            query["RelayState"][0],
            request.assertion_consumer_service_url,
            request.issuer.text,
        )

    def answer(
        self,
        asked: Asked,
        subject: str,
        attributes: dict[str, Any],
        *,
        name_format: str = NAMEID_FORMAT_EMAILADDRESS,
        sign_assertion: bool = True,
        sign_response: bool = False,
        change: Change | None = None,
        **further: Any,
    ) -> Any:
        """The response as an XML element; `change` is given what is signed first, before it is."""
        self._server.sec.crypto = Signer(change)
        response = self._server.create_authn_response(
            identity=attributes,
            in_response_to=asked.id,
            destination=asked.callback,
            sp_entity_id=asked.entity_id,
            name_id=NameID(format=name_format, text=subject),
            authn={"class_ref": PASSWORD_CONTEXT, "authn_auth": ENTRY_POINT},
            sign_assertion=sign_assertion,
            sign_response=sign_response,
            sign_alg=further.pop("sign_alg", SIG_RSA_SHA256),
            digest_alg=further.pop("digest_alg", DIGEST_SHA256),
            **further,
        )
        return etree.fromstring(response if isinstance(response, bytes) else str(response).encode())


def sign(root: Any, node_id: str, key_file: Any) -> Any:
    """Fill in the signature that stands in the element of that id."""
    xmlsec.tree.add_ids(root, ["ID"])
    (element,) = root.xpath("//*[@ID=$id]", id=node_id)
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_file(str(key_file), xmlsec.KeyFormat.PEM)
    context.sign(element.find("ds:Signature", NAMESPACES))
    return root


def encoded(response: Any) -> str:
    """The field of the form that the browser brings."""
    text = response if isinstance(response, bytes) else etree.tostring(response)
    return base64.b64encode(text).decode()


__all__ = ["NAMEID_FORMAT_PERSISTENT", "Asked", "IdentityProvider", "encoded", "sign"]
