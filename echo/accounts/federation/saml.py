"""SAML 2.0: the browser is sent to the identity provider, and comes back with what that has signed.

By `python3-saml`, and stricter than it: an answer is taken only for a login that has begun in this browser (so each
once), for us and for this address, whatever the library would let a provider leave out. Which attributes are taken
is LibreChat's.
"""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from onelogin.saml2.authn_request import OneLogin_Saml2_Authn_Request
from onelogin.saml2.constants import OneLogin_Saml2_Constants as Names
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from echo.accounts.federation.attempts import Attempt
from echo.accounts.federation.identity import Identity, Policy, Refused, exactly, said
from echo.accounts.federation.provider import Answer
from echo.accounts.federation.saml_signatures import check_signatures
from echo.settings.saml import SamlSettings

# LibreChat asks for this one, and its accounts have it as their subject.
NAME_ID = Names.NAMEID_EMAIL_ADDRESS
# "mail" by another name, as `node-saml` knows it.
MAIL_OID = "urn:oid:0.9.2342.19200300.100.1.3"
Profile = Mapping[str, Any]


class SamlProvider:
    """One identity provider; everything that takes time runs in a thread."""

    name = "saml"
    comes_by_form = True
    policy = Policy(registers=True, renames=True)

    def __init__(self, settings: SamlSettings) -> None:
        self._settings = settings

    async def address(self, attempt: Attempt) -> str:
        """See `Provider`: the request in the address (SAML bindings, section 3.4), with the login as RelayState."""
        return await asyncio.to_thread(self._address, attempt)

    def _address(self, attempt: Attempt) -> str:
        request = _Request(self._library(), request_id(attempt)).get_request()
        query = urlencode({"SAMLRequest": request, "RelayState": attempt.state})
        entry_point = self._settings.entry_point
        return f"{entry_point}{'&' if '?' in entry_point else '?'}{query}"

    async def identity(self, attempt: Attempt, answer: Answer, code: str) -> Identity:
        """See `Provider`; the code is the whole response."""
        return await asyncio.to_thread(self.read, code, request_id(attempt))

    def read(self, response: str, request: str) -> Identity:
        """Who a response is about, that answers this request; raises `Refused`."""
        try:
            found = _Response(self._library(), response)
            check_signatures(found.document)
            found.check(self._settings, request)
            return identity_of(self._settings, found.profile())
        except Refused:
            raise
        except Exception as error:
            # The library raises what it is written in, `lxml`'s and `xmlsec`'s errors included.
            raise Refused("login_failed", f"{type(error).__name__}: {said(str(error))}") from error

    def _library(self) -> Any:
        """The library's settings. An issuer that nobody has set is checked in the response itself."""
        settings = self._settings
        return OneLogin_Saml2_Settings(
            {
                "strict": True,
                "sp": {
                    "entityId": settings.entity_id,
                    "assertionConsumerService": {"url": settings.callback_url},
                    "NameIDFormat": NAME_ID,
                },
                "idp": {
                    "entityId": settings.issuer or "any",
                    "singleSignOnService": {"url": settings.entry_point},
                    "x509certMulti": {"signing": list(settings.certificates), "encryption": []},
                },
                "security": {
                    "allowRepeatAttributeName": True,
                    "allowSingleLabelDomains": True,
                    "rejectDeprecatedAlgorithm": True,
                    "requestedAuthnContext": False,
                    "wantAssertionsSigned": not settings.response_signed,
                    "wantMessagesSigned": settings.response_signed,
                    "wantAttributeStatement": False,
                },
            }
        )


class _Request(OneLogin_Saml2_Authn_Request):  # type: ignore[misc]
    """A request with an id that the login gives it."""

    def __init__(self, settings: Any, request: str) -> None:
        self._request = request
        super().__init__(settings)

    def _generate_request_id(self) -> str:
        return self._request


class _Response(OneLogin_Saml2_Response):  # type: ignore[misc]
    """A response, of which nothing counts that is not signed."""

    def check(self, settings: SamlSettings, request: str) -> None:
        """Raise an error of the library's, or `Refused`, for what is not the answer to this request, for us, now."""
        if settings.issuer is None:
            self._settings.get_idp_data()["entityId"] = self._only_issuer()
        self.is_valid(_where(settings.callback_url), request, raise_exceptions=True)
        # The library takes these only for wrong where they are there.
        if settings.entity_id not in self.get_audiences():
            raise Refused("login_failed", "no audience")
        if self.document.get("Destination") not in (None, settings.callback_url):
            raise Refused("login_failed", "another destination")
        if not any(
            self._confirms(each, settings, request)
            for each in self._query_assertion("/saml:Subject/saml:SubjectConfirmation")
        ):
            raise Refused("login_failed", "no confirmation for this login")

    def _only_issuer(self) -> str:
        issuers = self.get_issuers()
        if len(issuers) != 1:
            raise Refused("login_failed", "no issuer, or several")
        return str(issuers[0])

    @staticmethod
    def _confirms(element: Any, settings: SamlSettings, request: str) -> bool:
        """Whether it is as SAML's profiles have it (section 4.1.4.2), with nothing left out."""
        data = element.find("saml:SubjectConfirmationData", namespaces=Names.NSMAP)
        if element.get("Method") != Names.CM_BEARER or data is None:
            return False
        until = OneLogin_Saml2_Utils.parse_SAML_to_time(data.get("NotOnOrAfter", "1970-01-01T00:00:00Z"))
        return bool(
            data.get("InResponseTo") == request
            and data.get("Recipient") == settings.callback_url
            and until > OneLogin_Saml2_Utils.now()
        )

    def profile(self) -> Profile:
        """What is said of the user, by LibreChat's names: one value, or a list of several."""
        named = self.get_nameid_data()
        if named.get("Format") == Names.NAMEID_TRANSIENT:
            raise Refused("login_failed", "a name that is another one at each login")
        attributes = {name: values for name, values in self.get_attributes().items() if values}
        return {
            **{name: values[0] if len(values) == 1 else values for name, values in attributes.items()},
            "nameID": named.get("Value"),
        }


def request_id(attempt: Attempt) -> str:
    """The id of a login's request, which an XML document may have as one."""
    return f"_{attempt.nonce}"


def _where(callback_url: str) -> dict[str, str]:
    """Where the response came to, as the library wants it: never what the request says."""
    parts = urlsplit(callback_url)
    return {
        "https": "on" if parts.scheme == "https" else "off",
        "http_host": parts.netloc,
        "script_name": parts.path,
    }


def identity_of(settings: SamlSettings, profile: Profile) -> Identity:
    """Who it is; the organisation's own provider vouches for the address."""
    given = said(_first(profile, settings.given_name_claim, "given_name"))
    family = said(_first(profile, settings.family_name_claim, "family_name"))
    username = said(_first(profile, settings.username_claim, "username"))
    email = _first(profile, settings.email_claim, "email", "mail", MAIL_OID)
    whole = f"{given} {family}".strip() or username or email
    return Identity(
        provider="saml",
        subject=_first(profile, "nameID"),
        email=email or None,
        email_verified=bool(email),
        name=said(_first(profile, settings.name_claim)) if settings.name_claim else whole,
        username=username or given or email,
        picture=_first(profile, settings.picture_claim, "picture") or None,
    )


def _first(profile: Profile, *names: str | None) -> str:
    """The first of these that is there, of several values the first, as it stands but for blanks around it."""
    value = next((profile[name] for name in names if name and profile.get(name)), "")
    return exactly(value[0] if isinstance(value, list) else value).strip()
