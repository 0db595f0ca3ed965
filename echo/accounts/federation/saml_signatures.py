"""What may be in a signature (XML Signature Syntax and Processing) before any of it is carried out.

A signature says itself how it is to be checked. The library that does so would also run what nobody needs for
SAML, such as XSLT, and would do that before it knows whose signature it is.
"""

from typing import Any

DS = "{http://www.w3.org/2000/09/xmldsig#}"
XML_DSIG, DSIG_MORE = "http://www.w3.org/2000/09/xmldsig#", "http://www.w3.org/2001/04/xmldsig-more#"
XML_ENC = "http://www.w3.org/2001/04/xmlenc#"
EXCLUSIVE, INCLUSIVE = (
    "http://www.w3.org/2001/10/xml-exc-c14n#",
    "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
)
CANONICAL = frozenset({EXCLUSIVE, f"{EXCLUSIVE}WithComments", INCLUSIVE, f"{INCLUSIVE}#WithComments"})
TRANSFORMS = CANONICAL | {f"{XML_DSIG}enveloped-signature"}
# None with SHA-1, nor with a secret instead of a key.
SIGNATURES = frozenset(
    f"{DSIG_MORE}{kind}-{digest}" for kind in ("rsa", "ecdsa") for digest in ("sha256", "sha384", "sha512")
)
DIGESTS = frozenset({f"{XML_ENC}sha256", f"{XML_ENC}sha512", f"{DSIG_MORE}sha384"})
WITH_ALGORITHM = {
    f"{DS}CanonicalizationMethod": CANONICAL,
    f"{DS}SignatureMethod": SIGNATURES,
    f"{DS}DigestMethod": DIGESTS,
    f"{DS}Transform": TRANSFORMS,
}
MAX_SIGNATURES = 2


class Suspicious(Exception):
    """No honest server signs like this; the text says what is wrong."""


def check_signatures(document: Any) -> None:
    """Raise `Suspicious` unless each signature is of the element that it stands in, as a whole, in a common way."""
    ids = [each.get("ID") for each in document.iter() if each.get("ID") is not None]
    if len(ids) != len(set(ids)):
        raise Suspicious("an ID twice")
    signatures = list(document.iter(f"{DS}Signature"))
    if len(signatures) > MAX_SIGNATURES:
        raise Suspicious("many signatures")
    for signature in signatures:
        _check(signature)


def _check(signature: Any) -> None:
    references = list(signature.iter(f"{DS}Reference"))
    parent = signature.getparent()
    signed = f"#{parent.get('ID')}" if parent is not None else None
    if len(references) != 1 or references[0].get("URI") != signed:
        raise Suspicious("a signature of something else")
    if any(True for name in ("Object", "RetrievalMethod", "Manifest") for _ in signature.iter(DS + name)):
        raise Suspicious("a signature with more in it")
    for tag, allowed in WITH_ALGORITHM.items():
        for element in signature.iter(tag):
            if element.get("Algorithm") not in allowed:
                raise Suspicious(f"an algorithm that is not taken: {str(element.get('Algorithm'))[:100]}")
