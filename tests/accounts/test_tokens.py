import base64
import hmac
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest

from echo.accounts.tokens import InvalidToken, PendingClaims, RefreshClaims, Tokens
from echo.handling.caller import Caller

ACCESS_KEY, REFRESH_KEY = "a" * 40, "b" * 40
TOKENS = Tokens(ACCESS_KEY, REFRESH_KEY, access_seconds=60, refresh_seconds=600)
CALLER = Caller("0" * 24, "1" * 24, "ada@example.com", "ada", "local", "USER")


def claims_of(token: str, key: str) -> dict[str, Any]:
    return jwt.decode(token, key, algorithms=["HS256"], audience="echo-api")


def forge(key: str = ACCESS_KEY, *, algorithm: str = "HS256", kind: str = "at+jwt", **changes: Any) -> str:
    claims = claims_of(TOKENS.make_access(CALLER), ACCESS_KEY) | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm, headers={"typ": kind})


class TestAccessToken:
    def test_states_the_caller(self) -> None:
        assert TOKENS.read_access(TOKENS.make_access(CALLER)).caller == CALLER

    def test_carries_what_librechat_carries(self) -> None:
        claims = claims_of(TOKENS.make_access(CALLER), ACCESS_KEY)
        assert {name: claims[name] for name in ("id", "username", "provider", "email")} == {
            "id": CALLER.id,
            "username": "ada",
            "provider": "local",
            "email": "ada@example.com",
        }
        assert claims["exp"] - claims["iat"] == 60

    def test_says_when_it_ends(self) -> None:
        token = TOKENS.make_access(CALLER)
        assert TOKENS.read_access(token).expires_at == claims_of(token, ACCESS_KEY)["exp"]

    # Sixty seconds, and not beyond its session.
    @pytest.mark.parametrize(("left", "most"), [(30, 30), (600, 60)])
    def test_ends_with_its_session(self, left: int, most: int) -> None:
        before = int(time.time())
        end = datetime.fromtimestamp(before + left, UTC)
        claims = claims_of(TOKENS.make_access(CALLER, session_end=end), ACCESS_KEY)
        assert before + most <= claims["exp"] <= before + most + 2

    def test_forged_as_the_control_is_accepted(self) -> None:
        assert TOKENS.read_access(forge()).caller == CALLER

    @pytest.mark.parametrize(("end", "good"), [(2**53, True), (2**53 + 1, False)])
    def test_ends_in_a_second_that_every_reader_knows(self, end: int, good: bool) -> None:
        """The last whole number that JSON's readers all agree on (RFC 8259, section 6)."""
        if good:
            assert TOKENS.read_access(forge(exp=end)).expires_at == end
        else:
            with pytest.raises(InvalidToken):
                TOKENS.read_access(forge(exp=end))

    @pytest.mark.parametrize(
        "token",
        [
            "",
            "a.b.c",
            "é",
            TOKENS.make_refresh(CALLER.id, CALLER.session_id),
            forge(key="c" * 40),
            forge(kind="JWT"),
            forge(iss="somebody"),
            forge(aud="somebody"),
            forge(exp=int(time.time()) - 1),
            forge(exp=None),
            forge(sid=None),
            forge(key="d" * 64, algorithm="HS512"),
            jwt.encode({"id": CALLER.id, "sub": CALLER.id}, None, algorithm="none"),
        ],
    )
    def test_of_another_kind_is_refused(self, token: str) -> None:
        with pytest.raises(InvalidToken):
            TOKENS.read_access(token)


class TestRefreshToken:
    def test_states_owner_and_session(self) -> None:
        token = TOKENS.make_refresh(CALLER.id, CALLER.session_id)
        assert TOKENS.read_refresh(token) == RefreshClaims(CALLER.id, CALLER.session_id)

    def test_is_never_the_same_twice(self) -> None:
        made = {TOKENS.make_refresh(CALLER.id, CALLER.session_id) for _ in range(10)}
        assert len(made) == 10

    def test_has_librechats_claims(self) -> None:
        before = int(time.time())
        claims = jwt.decode(
            TOKENS.make_refresh(CALLER.id, CALLER.session_id), REFRESH_KEY, algorithms=["HS256"]
        )
        assert set(claims) == {"id", "sessionId", "jti", "iat", "exp"}
        assert before <= claims["iat"] <= before + 2
        assert claims["exp"] - claims["iat"] == 600

    def test_of_librechat_is_accepted(self) -> None:
        claims = {"id": CALLER.id, "sessionId": "1" * 24, "iat": 1, "exp": int(time.time()) + 60}
        token = jwt.encode(claims, REFRESH_KEY, "HS256")
        assert TOKENS.read_refresh(token).session_id == "1" * 24

    def test_an_access_token_is_refused_even_with_one_key(self) -> None:
        same_key = replace(TOKENS, refresh_key=ACCESS_KEY)
        with pytest.raises(InvalidToken):
            same_key.read_refresh(TOKENS.make_access(CALLER))

    @pytest.mark.parametrize(
        "claims", [{"id": 1, "sessionId": "x"}, {"id": "x", "sessionId": {}}, {"id": "x"}]
    )
    def test_with_claims_of_other_types_is_refused(self, claims: dict[str, Any]) -> None:
        token = jwt.encode({**claims, "exp": int(time.time()) + 60}, REFRESH_KEY, "HS256")
        with pytest.raises(InvalidToken):
            TOKENS.read_refresh(token)


class TestSuccessor:
    END = datetime(2100, 1, 1, tzinfo=UTC)

    def successor(
        self, tokens: Tokens = TOKENS, token: str = "the one before", at: int = 1_700_000_000
    ) -> str:
        claims = RefreshClaims(CALLER.id, CALLER.session_id)
        return tokens.make_successor(token, claims, issued_at=at, session_end=self.END)

    def test_is_a_refresh_token_of_the_same_session_to_its_end(self) -> None:
        assert TOKENS.read_refresh(self.successor()) == RefreshClaims(CALLER.id, CALLER.session_id)
        claims = jwt.decode(self.successor(), REFRESH_KEY, algorithms=["HS256"])
        assert set(claims) == {"id", "sessionId", "jti", "iat", "exp"}
        assert (claims["iat"], claims["exp"]) == (1_700_000_000, 4_102_444_800)

    def test_is_the_same_for_the_same_and_another_for_any_other(self) -> None:
        assert self.successor() == self.successor(replace(TOKENS))
        others = {
            self.successor(),
            self.successor(token="another"),
            self.successor(at=1_700_000_001),
            self.successor(replace(TOKENS, refresh_key="c" * 40)),
        }
        assert len(others) == 4

    def test_cannot_be_made_without_the_key(self) -> None:
        """What it holds besides the signature hangs on the key too, so nobody who saw a token knows its hash."""
        marks = {
            jwt.decode(self.successor(tokens), options={"verify_signature": False})["jti"]
            for tokens in (TOKENS, replace(TOKENS, refresh_key="c" * 40))
        }
        assert len(marks) == 2


class TestPendingToken:
    def test_states_whose_password_was_right(self) -> None:
        claims = TOKENS.read_pending(TOKENS.make_pending(CALLER.id, "$2b$10$x"))
        assert claims == PendingClaims(CALLER.id, TOKENS.mark_of("$2b$10$x"))
        assert TOKENS.pending_owner(TOKENS.make_pending(CALLER.id, "$2b$10$x")) == CALLER.id

    def test_is_good_for_five_minutes(self) -> None:
        claims = jwt.decode(TOKENS.make_pending(CALLER.id, "$2b$10$x"), options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 300

    def test_is_no_access_token_and_no_refresh_token(self) -> None:
        token = TOKENS.make_pending(CALLER.id, "$2b$10$x")
        with pytest.raises(InvalidToken):
            TOKENS.read_access(token)
        with pytest.raises(InvalidToken):
            replace(TOKENS, refresh_key=ACCESS_KEY).read_refresh(token)

    @pytest.mark.parametrize(
        "token",
        [
            "",
            "a.b.c",
            "é",
            TOKENS.make_access(CALLER),
            TOKENS.make_refresh(CALLER.id, CALLER.session_id),
            replace(TOKENS, access_key="c" * 40).make_pending(CALLER.id, "$2b$10$x"),
            forge(kind="2fa+jwt", pwd="mark"),
            forge(aud="echo-api/2fa", pwd="mark"),
            forge(aud="echo-api/2fa", kind="2fa+jwt", pwd="mark", exp=int(time.time()) - 1),
            forge(aud="echo-api/2fa", kind="2fa+jwt"),
            # What LibreChat itself gives.
            jwt.encode({"userId": CALLER.id, "twoFAPending": True, "exp": int(time.time()) + 60}, ACCESS_KEY),
        ],
    )
    def test_of_another_kind_is_refused(self, token: str) -> None:
        with pytest.raises(InvalidToken):
            TOKENS.read_pending(token)
        assert TOKENS.pending_owner(token) is None

    def test_forged_as_the_control_is_accepted(self) -> None:
        token = forge(aud="echo-api/2fa", kind="2fa+jwt", pwd="mark")
        assert TOKENS.read_pending(token) == PendingClaims(CALLER.id, "mark")

    def test_tells_nothing_of_the_password(self) -> None:
        token = TOKENS.make_pending(CALLER.id, "$2b$10$x")
        claims = jwt.decode(token, options={"verify_signature": False})
        assert set(claims) == {"sub", "pwd", "iss", "aud", "jti", "iat", "exp"}
        assert "$2b$" not in claims["pwd"]
        another_server = replace(TOKENS, access_key="c" * 40)
        assert len({claims["pwd"], TOKENS.mark_of("$2b$10$y"), another_server.mark_of("$2b$10$x")}) == 3


# What JSON can say in place of an id, a text or a time.
ODD: tuple[Any, ...] = (
    True,
    False,
    0,
    -1,
    1.5,
    10**400,
    float("inf"),
    float("-inf"),
    float("nan"),
    "",
    "x",
    "1" * 5000,
    "99999999999",
    "\ud800",
    "0" * 23 + "\n",
    "g" * 24,
    [],
    ["0" * 24],
    {},
    {"$ne": None},
    [[[[[]]]]],
)
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], str, Callable[[str], Any]]] = {
    "access": (
        {
            "id": CALLER.id,
            "sub": CALLER.id,
            "sid": CALLER.session_id,
            "email": CALLER.email,
            "username": CALLER.username,
            "provider": CALLER.provider,
            "role": CALLER.role,
            "iss": "echo-api",
            "aud": "echo-api",
            "iat": 1,
            "nbf": 1,
            "jti": "x",
        },
        {"typ": "at+jwt"},
        ACCESS_KEY,
        TOKENS.read_access,
    ),
    "refresh": (
        {"id": CALLER.id, "sessionId": CALLER.session_id, "iat": 1, "nbf": 1, "jti": "x"},
        {"typ": "JWT"},
        REFRESH_KEY,
        TOKENS.read_refresh,
    ),
    "pending": (
        {
            "sub": CALLER.id,
            "pwd": "mark",
            "iss": "echo-api",
            "aud": "echo-api/2fa",
            "iat": 1,
            "nbf": 1,
            "jti": "x",
        },
        {"typ": "2fa+jwt"},
        ACCESS_KEY,
        TOKENS.read_pending,
    ),
}


def named(odd: Any) -> str:
    return repr(odd)[:24]


def signed(claims: dict[str, Any], header: dict[str, Any], key: str) -> str:
    """A token with whatever claims and header: PyJWT makes none of some of them."""

    def encoded(part: bytes) -> bytes:
        return base64.urlsafe_b64encode(part).rstrip(b"=")

    head = encoded(json.dumps({"alg": "HS256", **header}).encode())
    signing_input = head + b"." + encoded(json.dumps(claims).encode())
    signature = hmac.new(key.encode(), signing_input, "sha256").digest()
    return (signing_input + b"." + encoded(signature)).decode()


@pytest.mark.parametrize("kind", KINDS)
class TestOddClaims:
    def test_the_control_is_accepted(self, kind: str) -> None:
        claims, header, key, read = KINDS[kind]
        assert read(signed({**claims, "exp": int(time.time()) + 60}, header, key))

    @pytest.mark.parametrize("odd", ODD, ids=named)
    def test_of_ids_and_times_are_refused(self, kind: str, odd: Any) -> None:
        claims, header, key, read = KINDS[kind]
        claims = {**claims, "exp": int(time.time()) + 60}
        # The `id` of an access token is LibreChat's name of what `sub` says, and not read.
        names = ("exp", "id", "sessionId") if kind == "refresh" else ("exp", "sub", "sid")
        for name in set(names) & set(claims):
            with pytest.raises(InvalidToken):
                read(signed({**claims, name: odd}, header, key))

    @pytest.mark.parametrize("odd", ODD, ids=named)
    def test_of_any_name_are_refused_or_can_be_used(self, kind: str, odd: Any) -> None:
        claims, header, key, read = KINDS[kind]
        claims = {**claims, "exp": int(time.time()) + 60}
        for name in claims:
            try:
                found = read(signed({**claims, name: odd}, header, key))
            except InvalidToken:
                continue
            fields = dict(vars(getattr(found, "caller", found)))
            # No token holds an API key.
            assert fields.pop("key", None) is None
            for text in fields.values():
                assert isinstance(text, str)
                text.encode()

    @pytest.mark.parametrize("name", ["alg", "typ", "kid", "crit", "b64", "cty"])
    @pytest.mark.parametrize("odd", ODD, ids=named)
    def test_of_the_header_are_no_fault(self, kind: str, name: str, odd: Any) -> None:
        claims, header, key, read = KINDS[kind]
        with suppress(InvalidToken):
            read(signed({**claims, "exp": int(time.time()) + 60}, {**header, name: odd}, key))

    @pytest.mark.parametrize("payload", [b"[]", b"1", b'"x"', b"null", b"[" * 100_000, b"\xff", b"{", b""])
    def test_that_are_no_object_are_refused(self, kind: str, payload: bytes) -> None:
        _, header, key, read = KINDS[kind]
        token = jwt.api_jws.encode(payload, key, "HS256", headers=header)
        with pytest.raises(InvalidToken):
            read(token)
