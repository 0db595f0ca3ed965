"""What a SAML provider says: who comes in by it, and every way of making it say something else."""

import asyncio
import base64
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from lxml import etree

from echo.accounts.federation.attempts import Attempt
from echo.accounts.federation.identity import Identity, Refused
from echo.accounts.federation.saml import SamlProvider, identity_of, request_id
from echo.accounts.federation.saml_signatures import Suspicious, check_signatures
from echo.settings.saml import SamlSettings, certificates_of
from tests.support.saml_idp import (
    ENTITY_ID,
    ENTRY_POINT,
    NAMESPACES,
    Asked,
    Change,
    IdentityProvider,
    encoded,
)

CALLBACK = "https://chat.example.com/oauth/saml/callback"
EMAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
ADA = "ada@x.example"
MALLORY = "mallory@x.example"
ATTRIBUTES = {EMAIL: [ADA], "given_name": ["Ada"], "family_name": ["Lovelace"]}
ATTEMPT = Attempt("a state", "b" * 43)


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> IdentityProvider:
    """A provider that calls itself the same, with a key of its own."""
    return IdentityProvider(tmp_path_factory.mktemp("stranger"))


@pytest.fixture(scope="session")
def settings(idp: IdentityProvider) -> SamlSettings:
    return SamlSettings(
        ENTRY_POINT, "echo", certificates_of(str(idp.certificate_file)), CALLBACK, email_claim=EMAIL
    )


@pytest.fixture(scope="session")
def provider(settings: SamlSettings) -> SamlProvider:
    return SamlProvider(settings)


@pytest.fixture(scope="session")
def asked(idp: IdentityProvider, provider: SamlProvider) -> Asked:
    return idp.read(asyncio.run(provider.address(ATTEMPT)))


@pytest.fixture(scope="session")
def honest(idp: IdentityProvider, asked: Asked) -> Any:
    """A response that lets Ada in; tests work on copies."""
    return idp.answer(asked, ADA, ATTRIBUTES)


@pytest.fixture(scope="session")
def whole(idp: IdentityProvider, asked: Asked) -> Any:
    """One that is signed as a whole, and its assertion not by itself."""
    return idp.answer(asked, ADA, ATTRIBUTES, sign_assertion=False, sign_response=True)


def read(provider: SamlProvider, response: Any) -> Identity:
    return provider.read(encoded(response), request_id(ATTEMPT))


def why_not(provider: SamlProvider, response: Any) -> str:
    with pytest.raises(Refused) as refused:
        read(provider, response)
    assert refused.value.code == "login_failed"
    return refused.value.detail


def test_the_request_says_who_asks_and_where_to_answer(asked: Asked) -> None:
    assert asked == Asked(request_id(ATTEMPT), "a state", CALLBACK, "echo")


def test_an_address_with_a_query_of_its_own_keeps_it(settings: SamlSettings) -> None:
    provider = SamlProvider(replace(settings, entry_point=f"{ENTRY_POINT}?tenant=1"))
    assert asyncio.run(provider.address(ATTEMPT)).startswith(f"{ENTRY_POINT}?tenant=1&SAMLRequest=")


def test_hosts_may_have_names_of_the_organisations_own_network(settings: SamlSettings) -> None:
    inside = replace(settings, entry_point="https://idp/sso", callback_url="https://chat/oauth/saml/callback")
    assert asyncio.run(SamlProvider(inside).address(ATTEMPT)).startswith("https://idp/sso?SAMLRequest=")


def test_an_assertion_need_say_nothing_but_the_name(
    idp: IdentityProvider, provider: SamlProvider, asked: Asked
) -> None:
    response = idp.answer(asked, ADA, {})
    assert response.find(".//saml:AttributeStatement", NAMESPACES) is None
    assert read(provider, response) == Identity("saml", ADA, None, email_verified=False)


def test_a_signed_assertion_says_who_it_is(provider: SamlProvider, honest: Any) -> None:
    assert read(provider, honest) == Identity(
        provider="saml", subject=ADA, email=ADA, email_verified=True, name="Ada Lovelace", username="Ada"
    )


def test_a_signed_response_says_it_where_that_is_set(settings: SamlSettings, whole: Any) -> None:
    assert read(SamlProvider(replace(settings, response_signed=True)), whole).subject == ADA


def test_both_may_be_signed(idp: IdentityProvider, provider: SamlProvider, asked: Asked) -> None:
    response = idp.answer(asked, ADA, ATTRIBUTES, sign_response=True)
    assert read(provider, response).subject == ADA


def test_the_issuer_is_checked_where_it_is_set(settings: SamlSettings, honest: Any) -> None:
    assert read(SamlProvider(replace(settings, issuer=ENTITY_ID)), honest).subject == ADA
    other = SamlProvider(replace(settings, issuer="https://other.example.com"))
    assert "Invalid issuer" in why_not(other, honest)


def test_one_of_several_certificates_is_enough(
    settings: SamlSettings, stranger: IdentityProvider, honest: Any
) -> None:
    both = (*certificates_of(str(stranger.certificate_file)), *settings.certificates)
    assert read(SamlProvider(replace(settings, certificates=both)), honest).subject == ADA


class TestSignatures:
    def test_none(self, idp: IdentityProvider, provider: SamlProvider, asked: Asked) -> None:
        response = idp.answer(asked, ADA, ATTRIBUTES, sign_assertion=False)
        assert "is not signed" in why_not(provider, response)

    def test_by_somebody_else_who_shows_a_certificate(
        self, stranger: IdentityProvider, provider: SamlProvider, asked: Asked
    ) -> None:
        assert "Signature validation failed" in why_not(provider, stranger.answer(asked, ADA, ATTRIBUTES))

    def test_of_the_other_part(
        self, settings: SamlSettings, provider: SamlProvider, honest: Any, whole: Any
    ) -> None:
        assert "Assertion of the Response is not signed" in why_not(provider, whole)
        strict = SamlProvider(replace(settings, response_signed=True))
        assert "Message of the Response is not signed" in why_not(strict, honest)

    @pytest.mark.parametrize("path", ["//saml:NameID", "//saml:AttributeValue"])
    def test_with_another_text_in_it(
        self, settings: SamlSettings, provider: SamlProvider, honest: Any, whole: Any, path: str
    ) -> None:
        for each, response in (
            (provider, honest),
            (SamlProvider(replace(settings, response_signed=True)), whole),
        ):
            changed = deepcopy(response)
            changed.xpath(path, namespaces=NAMESPACES)[0].text = MALLORY
            assert "Signature validation failed" in why_not(each, changed)

    def test_with_sha_1(self, idp: IdentityProvider, provider: SamlProvider, asked: Asked) -> None:
        sha1 = {
            "sign_alg": "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            "digest_alg": "http://www.w3.org/2000/09/xmldsig#sha1",
        }
        assert "an algorithm that is not taken" in why_not(
            provider, idp.answer(asked, ADA, ATTRIBUTES, **sha1)
        )

    @pytest.mark.parametrize(
        ("tag", "algorithm"),
        [
            # The certificate, which everybody has, as a secret.
            ("SignatureMethod", "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"),
            ("Transform", "http://www.w3.org/TR/1999/REC-xslt-19991116"),
            ("Transform", "http://www.w3.org/TR/1999/REC-xpath-19991116"),
            ("DigestMethod", "http://www.w3.org/2001/04/xmldsig-more#md5"),
            ("CanonicalizationMethod", "http://www.w3.org/TR/1999/REC-xslt-19991116"),
        ],
    )
    def test_in_a_way_that_nobody_needs(
        self, provider: SamlProvider, honest: Any, tag: str, algorithm: str
    ) -> None:
        changed = deepcopy(honest)
        changed.xpath(f"//ds:{tag}", namespaces=NAMESPACES)[0].set("Algorithm", algorithm)
        assert why_not(provider, changed) == f"Suspicious: an algorithm that is not taken: {algorithm}"

    @pytest.mark.parametrize("name", ["ds:Object", "ds:Manifest", "ds:RetrievalMethod"])
    def test_with_more_in_it(self, provider: SamlProvider, honest: Any, name: str) -> None:
        changed = deepcopy(honest)
        changed.xpath("//ds:KeyInfo", namespaces=NAMESPACES)[0].append(element(name))
        assert why_not(provider, changed) == "Suspicious: a signature with more in it"


def assertion_of(response: Any) -> Any:
    return response.find("saml:Assertion", NAMESPACES)


def evil(response: Any, *, same_id: bool = False, signed: bool = False) -> Any:
    """A copy of the assertion that names somebody else."""
    copy = deepcopy(assertion_of(response))
    if not same_id:
        copy.set("ID", "evil")
    copy.find("saml:Subject/saml:NameID", NAMESPACES).text = MALLORY
    if not signed:
        copy.remove(copy.find("ds:Signature", NAMESPACES))
    return copy


def element(name: str) -> Any:
    prefix, _, tag = name.partition(":")
    return etree.Element(f"{{{NAMESPACES[prefix]}}}{tag}")


def before(response: Any) -> None:
    assertion_of(response).addprevious(evil(response))


def after(response: Any) -> None:
    response.append(evil(response))


def around(response: Any) -> None:
    wrapper, original = evil(response), assertion_of(response)
    original.addprevious(wrapper)
    wrapper.append(original)


def with_its_signature(response: Any) -> None:
    """The evil one shows the signature, and what that is of stands at the end."""
    false, original = evil(response, signed=True), assertion_of(response)
    original.addprevious(false)
    original.remove(original.find("ds:Signature", NAMESPACES))
    response.append(original)


def inside_its_signature(response: Any) -> None:
    false, original = evil(response, signed=True), assertion_of(response)
    original.addprevious(false)
    original.remove(original.find("ds:Signature", NAMESPACES))
    holder = element("ds:Object")
    holder.append(original)
    false.find("ds:Signature", NAMESPACES).append(holder)


def in_extensions(response: Any) -> None:
    holder = element("samlp:Extensions")
    holder.append(evil(response, same_id=True))
    response.find("saml:Issuer", NAMESPACES).addnext(holder)


def original_in_extensions(response: Any) -> None:
    holder, original = element("samlp:Extensions"), assertion_of(response)
    original.addprevious(evil(response, signed=True))
    holder.append(original)
    response.find("saml:Issuer", NAMESPACES).addnext(holder)


def of_the_same_id(response: Any) -> None:
    assertion_of(response).addprevious(evil(response, same_id=True))


def whole_in_signature(response: Any) -> None:
    """For a signed response: a copy of it all, inside of the signature that is now an evil response's."""
    original = deepcopy(response)
    original.remove(original.find("ds:Signature", NAMESPACES))
    holder = element("ds:Object")
    holder.append(original)
    response.set("ID", "evil")
    response.find("ds:Signature", NAMESPACES).append(holder)
    assertion_of(response).set("ID", "evil-assertion")
    assertion_of(response).find("saml:Subject/saml:NameID", NAMESPACES).text = MALLORY


class TestWrapping:
    """What is signed stays in the document, and something else stands where it is looked for."""

    @pytest.mark.parametrize(
        ("wrap", "reason"),
        [
            (before, "must contain 1 assertion"),
            (after, "must contain 1 assertion"),
            (around, "must contain 1 assertion"),
            (with_its_signature, "a signature of something else"),
            (inside_its_signature, "a signature of something else"),
            (in_extensions, "an ID twice"),
            (original_in_extensions, "a signature of something else"),
            (of_the_same_id, "an ID twice"),
        ],
    )
    def test_of_an_assertion(
        self, provider: SamlProvider, honest: Any, wrap: Callable[[Any], None], reason: str
    ) -> None:
        wrapped = deepcopy(honest)
        wrap(wrapped)
        assert MALLORY in etree.tostring(wrapped).decode()
        assert reason in why_not(provider, wrapped)

    def test_of_a_response(self, settings: SamlSettings, whole: Any) -> None:
        wrapped = deepcopy(whole)
        whole_in_signature(wrapped)
        strict = SamlProvider(replace(settings, response_signed=True))
        assert "a signature of something else" in why_not(strict, wrapped)

    def test_a_signature_of_nothing_in_particular(self, provider: SamlProvider, honest: Any) -> None:
        changed = deepcopy(honest)
        changed.xpath("//ds:Reference", namespaces=NAMESPACES)[0].set("URI", "")
        assert why_not(provider, changed) == "Suspicious: a signature of something else"


def setting(path: str, attribute: str | None, value: str | None) -> Change:
    """Sets an attribute or the text of what the path finds, or removes it."""

    def change(root: Any) -> Any:
        for found in root.xpath(path, namespaces=NAMESPACES):
            if attribute is None and value is None:
                found.getparent().remove(found)
            elif attribute is None:
                found.text = value
            elif value is None:
                del found.attrib[attribute]
            else:
                found.set(attribute, value)
        return root

    return change


PAST, FUTURE = "2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z"
DATA = "//saml:SubjectConfirmationData"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (setting("//saml:Audience", None, "somebody else"), "is not a valid audience"),
        (setting("//saml:AudienceRestriction", None, None), "no audience"),
        (setting("/samlp:Response", "Destination", "https://evil.example/saml"), "instead of"),
        (setting("/samlp:Response", "Destination", f"{CALLBACK}/more"), "another destination"),
        (setting(DATA, "Recipient", "https://evil.example/saml"), "SubjectConfirmation was not found"),
        (setting(DATA, "Recipient", f"https://evil.example/?{CALLBACK}"), "no confirmation for this login"),
        (setting(DATA, "Recipient", None), "no confirmation for this login"),
        (setting(DATA, "InResponseTo", "_another"), "SubjectConfirmation was not found"),
        (setting(DATA, "InResponseTo", None), "no confirmation for this login"),
        (setting("/samlp:Response", "InResponseTo", "_another"), "does not match the ID"),
        (setting(DATA, "NotOnOrAfter", PAST), "SubjectConfirmation was not found"),
        (setting(DATA, "NotOnOrAfter", None), "no confirmation for this login"),
        (setting("//saml:SubjectConfirmation", "Method", "urn:x"), "SubjectConfirmation was not found"),
        (setting("//saml:Conditions", "NotOnOrAfter", PAST), "expired"),
        (setting("//saml:Conditions", "NotBefore", FUTURE), "not yet valid"),
        (setting("//saml:Conditions", None, None), "must include a Conditions"),
        (setting("//samlp:StatusCode", "Value", "urn:oasis:names:tc:SAML:2.0:status:Responder"), "not Success"),
        (setting("//saml:NameID", "Format", "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"), "another one"),
        (setting("/samlp:Response/saml:Issuer", None, "https://other.example"), "several"),
        (setting("/samlp:Response", "Version", "1.1"), "Unsupported SAML version"),
    ],
)  # fmt: skip
def test_what_the_provider_has_signed_but_not_for_this_login(
    idp: IdentityProvider, provider: SamlProvider, asked: Asked, change: Change, reason: str
) -> None:
    assert reason in why_not(provider, idp.answer(asked, ADA, ATTRIBUTES, change=change))


def test_a_signature_of_the_document_itself_is_of_something_else() -> None:
    with pytest.raises(Suspicious, match=r"^a signature of something else$"):
        check_signatures(element("ds:Signature"))


def test_a_confirmation_of_another_kind_does_not_fill_in_for_the_bearers(
    idp: IdentityProvider, provider: SamlProvider, asked: Asked
) -> None:
    def both(root: Any) -> Any:
        (bearer,) = root.xpath("//saml:SubjectConfirmation", namespaces=NAMESPACES)
        other = deepcopy(bearer)
        other.set("Method", "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches")
        bearer.addnext(other)
        del bearer.find("saml:SubjectConfirmationData", NAMESPACES).attrib["Recipient"]
        return root

    response = idp.answer(asked, ADA, ATTRIBUTES, change=both)
    assert why_not(provider, response) == "no confirmation for this login"


def test_an_answer_to_another_request(provider: SamlProvider, honest: Any) -> None:
    with pytest.raises(Refused, match="does not match the ID"):
        provider.read(encoded(honest), request_id(Attempt("another state", "b" * 43)))


def test_a_part_that_nobody_signed_does_not_make_it_another_answer(
    provider: SamlProvider, honest: Any
) -> None:
    """An assertion that was stolen, in a response that claims to be for this login."""
    stolen = deepcopy(honest)
    other = Attempt("another state", "b" * 43)
    stolen.set("InResponseTo", request_id(other))
    with pytest.raises(Refused, match="SubjectConfirmation was not found"):
        provider.read(encoded(stolen), request_id(other))
    del stolen.attrib["InResponseTo"]
    with pytest.raises(Refused, match="no confirmation for this login"):
        provider.read(encoded(stolen), request_id(other))


BOMB = "".join(
    f'<!ENTITY {name} "{f"&{inner};" * 10}">' for name, inner in zip("bcdefghij", "abcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no XML",
        b'<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>',
        f'<!DOCTYPE r [<!ENTITY a "a">{BOMB}]><r>&j;</r>'.encode(),
        b'<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><r/>',
        b"<a>" * 5000 + b"</a>" * 5000,
        b"<r/>",
        b"\xff\xfe\x00",
    ],
    ids=["nothing", "text", "file", "bomb", "dtd", "deep", "empty", "bytes"],
)
def test_what_is_no_response_at_all(provider: SamlProvider, content: bytes) -> None:
    detail = why_not(provider, content)
    assert "root:" not in detail
    assert len(detail) < 300


def test_text_that_is_no_base64(provider: SamlProvider) -> None:
    with pytest.raises(Refused):
        provider.read("%%%", request_id(ATTEMPT))


def test_a_document_type_in_front_of_an_honest_response(provider: SamlProvider, honest: Any) -> None:
    text = b'<!DOCTYPE r [<!ENTITY x "y">]>' + etree.tostring(honest)
    with pytest.raises(Refused, match="DTDForbidden"):
        provider.read(base64.b64encode(text).decode(), request_id(ATTEMPT))


def test_a_comment_does_not_cut_a_name(idp: IdentityProvider, provider: SamlProvider, asked: Asked) -> None:
    """What is signed without comments reads with them as a whole, and not up to the first one."""
    response = idp.answer(asked, f"{ADA}.evil.example", ATTRIBUTES)
    name = response.xpath("//saml:NameID", namespaces=NAMESPACES)[0]
    name.text = ADA
    comment = etree.Comment("x")
    comment.tail = ".evil.example"
    name.append(comment)
    assert read(provider, response).subject == f"{ADA}.evil.example"


def test_one_attribute_may_come_in_several_parts(
    idp: IdentityProvider, provider: SamlProvider, asked: Asked
) -> None:
    def twice(root: Any) -> Any:
        (attribute,) = root.xpath("//saml:Attribute[@Name='given_name']", namespaces=NAMESPACES)
        attribute.addnext(deepcopy(attribute))
        return root

    assert read(provider, idp.answer(asked, ADA, ATTRIBUTES, change=twice)).username == "Ada"


@pytest.mark.parametrize(
    ("claims", "profile", "expected"),
    [
        ({}, {"email": "e@x.example"}, ("e@x.example", "e@x.example", "e@x.example", None)),
        ({}, {"mail": ["m@x.example", "n@x.example"]}, ("m@x.example", "m@x.example", "m@x.example", None)),
        ({}, {"email": "e@x", "username": "u", "picture": "p"}, ("e@x", "u", "u", "p")),
        ({}, {"email": "e@x", "family_name": "F"}, ("e@x", "F", "e@x", None)),
        ({"email_claim": "nameID"}, {"nameID": "n@x"}, ("n@x", "n@x", "n@x", None)),
        ({"name_claim": "cn"}, {"cn": "C", "given_name": "G"}, (None, "C", "G", None)),
        ({"name_claim": "cn"}, {"given_name": "G"}, (None, "", "G", None)),
        (
            {"given_name_claim": "g", "family_name_claim": "f", "username_claim": "u", "picture_claim": "p"},
            {"g": "G", "f": "F", "u": "U", "p": "P", "email": "e@x"},
            ("e@x", "G F", "U", "P"),
        ),
        # As in LibreChat: a claim that is not there leaves the name that it has by default.
        ({"given_name_claim": "g"}, {"given_name": "G"}, (None, "G", "G", None)),
    ],
)
def test_what_is_taken_from_attributes(
    settings: SamlSettings, claims: dict[str, str], profile: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    identity = identity_of(replace(settings, **{"email_claim": None, **claims}), profile)
    assert (identity.email, identity.name, identity.username, identity.picture) == expected
    assert identity.email_verified is bool(identity.email)


def test_what_tells_one_user_from_another_is_neither_cut_nor_cleaned(settings: SamlSettings) -> None:
    """Names to show are. A subject that is too long is refused later, and an address that is none is none."""
    whole = replace(settings, email_claim=None)
    subject, address = "s" * 300, f"a\u200bda@{'x' * 250}.example"
    found = identity_of(whole, {"nameID": f" {subject}\n", "email": address, "given_name": "G\u200b" * 201})
    assert (found.subject, found.email, found.username) == (subject, address, "G" * 200)
    assert identity_of(whole, {"nameID": "a\u200bda"}).subject == "a\u200bda"
    picture = f"https://x.example/{'p' * 300}"
    assert identity_of(whole, {"picture": picture}).picture == picture
