"""What a SAML provider is asked, where its answer may come back, and which of its answers confirm a login."""

import asyncio
import base64
import zlib
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from lxml import etree

from echo.accounts.federation.attempts import Attempt
from echo.accounts.federation.identity import Identity, Policy, Refused
from echo.accounts.federation.provider import Answer
from echo.accounts.federation.saml import SamlProvider, identity_of, request_id
from echo.settings.saml import SamlSettings, certificates_of
from tests.support.saml_idp import ENTITY_ID, ENTRY_POINT, NAMESPACES, Asked, IdentityProvider, encoded

CALLBACK = "https://chat.example.com/oauth/saml/callback"
LOCAL = "http://localhost:3080/oauth/saml/callback"
EMAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress"
ADA = "ada@x.example"
ATTEMPT = Attempt("a state", "b" * 43)


@pytest.fixture(scope="module")
def settings(idp: IdentityProvider) -> SamlSettings:
    certificates = certificates_of(str(idp.certificate_file))
    return SamlSettings(ENTRY_POINT, "echo", certificates, CALLBACK, email_claim=EMAIL)


def request_of(settings: SamlSettings) -> tuple[Any, str]:
    """The request as XML, and the login that goes with it."""
    address = asyncio.run(SamlProvider(settings).address(ATTEMPT))
    query = parse_qs(urlsplit(address).query, strict_parsing=True)
    assert set(query) == {"SAMLRequest", "RelayState"}
    # The redirect binding: deflated without a header (SAML bindings, section 3.4.4.1).
    text = zlib.decompress(base64.b64decode(query["SAMLRequest"][0]), -zlib.MAX_WBITS)
    return etree.fromstring(text), query["RelayState"][0]


def asked_of(settings: SamlSettings) -> Asked:
    return Asked(request_id(ATTEMPT), "a state", settings.callback_url, settings.entity_id)


def read(settings: SamlSettings, response: Any) -> Identity:
    return SamlProvider(settings).read(encoded(response), request_id(ATTEMPT))


def why_not(settings: SamlSettings, response: Any) -> str:
    with pytest.raises(Refused) as refused:
        read(settings, response)
    assert refused.value.code == "login_failed"
    return refused.value.detail


class TestTheRequest:
    def test_asks_for_an_address_as_a_name_and_for_nothing_else(self, settings: SamlSettings) -> None:
        request, state = request_of(settings)
        moment = datetime.fromisoformat(request.attrib.pop("IssueInstant"))
        assert abs(datetime.now(UTC) - moment) < timedelta(minutes=5)
        assert state == "a state"
        assert request.tag == f"{{{NAMESPACES['samlp']}}}AuthnRequest"
        assert dict(request.attrib) == {
            "ID": f"_{ATTEMPT.nonce}",
            "Version": "2.0",
            "Destination": ENTRY_POINT,
            "ProtocolBinding": "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST",
            "AssertionConsumerServiceURL": CALLBACK,
        }
        issuer, policy = request
        assert (issuer.tag, issuer.text) == (f"{{{NAMESPACES['saml']}}}Issuer", "echo")
        # How somebody shows who they are is the provider's business.
        assert policy.tag == f"{{{NAMESPACES['samlp']}}}NameIDPolicy"
        assert dict(policy.attrib) == {
            "Format": "urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress",
            "AllowCreate": "true",
        }

    def test_goes_to_the_entry_point_and_the_answer_to_where_it_is_set(self, settings: SamlSettings) -> None:
        inside = replace(settings, entry_point="https://idp/sso?t=1", callback_url=LOCAL, entity_id="other")
        address = asyncio.run(SamlProvider(inside).address(ATTEMPT))
        assert address.startswith("https://idp/sso?t=1&SAMLRequest=")
        request = etree.fromstring(
            zlib.decompress(base64.b64decode(parse_qs(urlsplit(address).query)["SAMLRequest"][0]), -15)
        )
        assert (request.get("Destination"), request.get("AssertionConsumerServiceURL")) == (
            "https://idp/sso?t=1",
            LOCAL,
        )
        assert request.findtext("saml:Issuer", None, NAMESPACES) == "other"


def test_the_provider_is_an_organisations_whose_page_sends_a_form() -> None:
    assert (SamlProvider.name, SamlProvider.comes_by_form) == ("saml", True)
    assert SamlProvider.policy == Policy(registers=True, unverified=False, renames=True)


def test_the_whole_response_is_what_the_login_is_finished_by(
    idp: IdentityProvider, settings: SamlSettings
) -> None:
    response = idp.answer(asked_of(settings), ADA, {})
    provider = SamlProvider(settings)
    identity = asyncio.run(provider.identity(ATTEMPT, Answer("a state"), encoded(response)))
    assert identity.subject == ADA
    with pytest.raises(Refused, match="does not match the ID"):
        asyncio.run(provider.identity(replace(ATTEMPT, state="other"), Answer("a state"), encoded(response)))


class TestTheAddressOfTheAnswer:
    def test_may_be_one_without_tls(self, idp: IdentityProvider, settings: SamlSettings) -> None:
        local = replace(settings, callback_url=LOCAL)
        assert read(local, idp.answer(asked_of(local), ADA, {})).subject == ADA

    @pytest.mark.parametrize(
        "other",
        [
            "http://chat.example.com/oauth/saml/callback",
            "https://other.example.com/oauth/saml/callback",
            "https://chat.example.com:8443/oauth/saml/callback",
            "https://chat.example.com/oauth/other/callback",
        ],
    )
    def test_is_this_one_with_its_scheme_host_and_path(
        self, idp: IdentityProvider, settings: SamlSettings, other: str
    ) -> None:
        response = idp.answer(asked_of(replace(settings, callback_url=other)), ADA, {})
        assert f"received at {CALLBACK} instead of {other}" in why_not(settings, response)

    def test_need_not_be_said_of_the_response_where_the_assertion_has_it(
        self, idp: IdentityProvider, settings: SamlSettings
    ) -> None:
        def unaddressed(root: Any) -> Any:
            del root.attrib["Destination"]
            return root

        assert read(settings, idp.answer(asked_of(settings), ADA, {}, change=unaddressed)).subject == ADA

    def test_is_not_an_empty_one(self, idp: IdentityProvider, settings: SamlSettings) -> None:
        def empty(root: Any) -> Any:
            root.set("Destination", "")
            return root

        response = idp.answer(asked_of(settings), ADA, {}, change=empty)
        assert "empty Destination" in why_not(settings, response)


class TestTheIssuer:
    def test_is_any_one_where_none_is_set_and_else_this_one(
        self, idp: IdentityProvider, settings: SamlSettings
    ) -> None:
        response = idp.answer(asked_of(settings), ADA, {})
        assert read(settings, response).subject == ADA
        assert read(replace(settings, issuer=ENTITY_ID), response).subject == ADA
        assert "got https://idp.example.com/metadata" in why_not(
            replace(settings, issuer="https://idp.example.com/metadat"), response
        )

    def test_of_the_response_is_the_assertions_or_not_said(
        self, idp: IdentityProvider, settings: SamlSettings
    ) -> None:
        def change(root: Any, text: str | None) -> Any:
            issuer = root.find("saml:Issuer", NAMESPACES)
            if text is None:
                root.remove(issuer)
            else:
                issuer.text = text
            return root

        asked = asked_of(settings)
        silent = idp.answer(asked, ADA, {}, change=lambda root: change(root, None))
        assert read(settings, silent).subject == ADA
        other = idp.answer(asked, ADA, {}, change=lambda root: change(root, "https://other.example"))
        assert why_not(settings, other) == "no issuer, or several"


class TestConfirmations:
    """One of them has to be the bearer's, for this login, for us and not over."""

    def confirmed(
        self, idp: IdentityProvider, settings: SamlSettings, *spoiled: dict[str, str | None]
    ) -> Any:
        """A response with so many more confirmations before the good one, each with changes of its data."""

        def change(root: Any) -> Any:
            (good,) = root.xpath("//saml:SubjectConfirmation", namespaces=NAMESPACES)
            for changes in spoiled:
                other = deepcopy(good)
                data = other.find("saml:SubjectConfirmationData", NAMESPACES)
                for name, value in changes.items():
                    target = other if name == "Method" else data
                    if name == "Data":
                        other.remove(data)
                    elif value is None:
                        del target.attrib[name]
                    else:
                        target.set(name, value)
                good.addprevious(other)
            return root

        return idp.answer(asked_of(settings), ADA, {}, change=change)

    @pytest.mark.parametrize(
        "changes",
        [
            {"Method": "urn:oasis:names:tc:SAML:2.0:cm:sender-vouches"},
            {"Data": None},
            {"InResponseTo": None},
            {"Recipient": None},
            {"Recipient": f"{CALLBACK}/more"},
            {"NotOnOrAfter": None},
            {"NotOnOrAfter": "2020-01-01T00:00:00Z"},
        ],
    )
    def test_one_that_is_good_is_enough_and_one_that_is_not_is_none(
        self, idp: IdentityProvider, settings: SamlSettings, changes: dict[str, str | None]
    ) -> None:
        response = self.confirmed(idp, settings, changes)
        assert read(settings, response).subject == ADA

    def test_of_the_right_request_alone_is_not_enough(
        self, idp: IdentityProvider, settings: SamlSettings
    ) -> None:
        """What the library finds in one, and what is asked of it here in another, is in none of them."""

        def change(root: Any) -> Any:
            (good,) = root.xpath("//saml:SubjectConfirmation", namespaces=NAMESPACES)
            for name in ("InResponseTo", "Recipient", "NotOnOrAfter"):
                other = deepcopy(good)
                del other.find("saml:SubjectConfirmationData", NAMESPACES).attrib[name]
                good.addprevious(other)
            good.getparent().remove(good)
            return root

        response = idp.answer(asked_of(settings), ADA, {}, change=change)
        assert why_not(settings, response) == "no confirmation for this login"


class TestTheProfile:
    def test_has_lists_where_there_are_several_values_and_nothing_that_is_empty(
        self, idp: IdentityProvider, settings: SamlSettings
    ) -> None:
        # The provider's names of attributes, and what is read: the first value.
        attributes = {
            EMAIL: [ADA, "other@x.example"],
            "given_name": ["Ada", "Augusta"],
            "family_name": ["Lovelace"],
        }
        found = read(settings, idp.answer(asked_of(settings), "the subject", attributes))
        assert found == Identity(
            provider="saml",
            subject="the subject",
            email=ADA,
            email_verified=True,
            name="Ada Lovelace",
            username="Ada",
        )

    def test_of_the_name_is_not_an_attribute_that_is_called_so(
        self, idp: IdentityProvider, settings: SamlSettings
    ) -> None:
        def named(root: Any) -> Any:
            attribute = root.find(".//saml:Attribute", NAMESPACES)
            attribute.set("Name", "nameID")
            return root

        response = idp.answer(asked_of(settings), ADA, {"given_name": ["mallory"]}, change=named)
        assert read(settings, response).subject == ADA

    def test_may_name_the_subject_in_any_lasting_way(
        self, idp: IdentityProvider, settings: SamlSettings
    ) -> None:
        for kind in ("persistent", "unspecified"):
            name_format = f"urn:oasis:names:tc:SAML:2.0:nameid-format:{kind}"
            response = idp.answer(asked_of(settings), "s-1", {}, name_format=name_format)
            assert read(settings, response).subject == "s-1"
        transient = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
        response = idp.answer(asked_of(settings), "s-1", {}, name_format=transient)
        assert why_not(settings, response) == "a name that is another one at each login"


@pytest.mark.parametrize(
    ("claim", "profile", "expected"),
    [
        # An address by its three usual names, in this order, and by the claim before all of them.
        (None, {"email": "1@x", "mail": "2@x", "urn:oid:0.9.2342.19200300.100.1.3": "3@x"}, "1@x"),
        (None, {"mail": "2@x", "urn:oid:0.9.2342.19200300.100.1.3": "3@x"}, "2@x"),
        (None, {"urn:oid:0.9.2342.19200300.100.1.3": "3@x"}, "3@x"),
        ("a", {"a": "0@x", "email": "1@x"}, "0@x"),
        ("a", {"a": "", "email": "1@x"}, "1@x"),
        (None, {"email": [" 4@x ", "5@x"]}, "4@x"),
        (None, {"email": 5}, None),
        (None, {"email": " "}, None),
        (None, {}, None),
    ],
)
def test_the_address_is_the_first_that_is_there(
    settings: SamlSettings, claim: str | None, profile: dict[str, Any], expected: str | None
) -> None:
    found = identity_of(replace(settings, email_claim=claim), profile)
    assert (found.email, found.email_verified) == (expected, expected is not None)


def test_an_identity_of_nothing_has_no_subject_and_no_names(settings: SamlSettings) -> None:
    assert identity_of(settings, {}) == Identity(
        provider="saml", subject="", email=None, email_verified=False, name="", username="", picture=None
    )
