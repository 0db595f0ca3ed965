from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import pytest

from echo.accounts.cookies import make_cookie, must_be_secure
from echo.handling.caller import ClientInfo


class TestCookie:
    def test_is_for_http_and_this_site_only(self) -> None:
        cookie = make_cookie("value", max_age=60, secure=True)
        parts = {part.strip().lower() for part in cookie.split(";")}
        assert {part for part in parts if not part.startswith("expires=")} == {
            "refreshtoken=value",
            "httponly",
            "samesite=strict",
            "path=/",
            "max-age=60",
            "secure",
        }

    def test_is_written_as_browsers_expect_it(self) -> None:
        cookie = make_cookie("value", max_age=60, secure=False)
        before, _, rest = cookie.partition("; Expires=")
        expires, _, after = rest.partition("; ")
        assert (before, after) == ("refreshToken=value", "Max-Age=60; HttpOnly; Path=/; SameSite=Strict")
        # In whole seconds: the one of now and the last one may both be cut.
        left = parsedate_to_datetime(expires) - datetime.now(UTC)
        assert timedelta(seconds=50) < left <= timedelta(seconds=60)

    def test_goes_at_once_where_it_is_taken_away(self) -> None:
        assert make_cookie("", max_age=0, secure=True) == (
            "refreshToken=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure; HttpOnly; "
            "Path=/; SameSite=Strict"
        )

    @pytest.mark.parametrize(
        ("address", "tls", "setting", "secure"),
        [
            ("127.0.0.1", False, None, False),
            ("::1", False, None, False),
            ("127.0.0.1", True, None, True),
            ("192.168.1.5", False, None, True),
            ("unknown", False, None, True),
            ("192.168.1.5", False, False, False),
            ("127.0.0.1", False, True, True),
        ],
    )
    def test_is_secure_except_on_loopback(
        self, address: str, tls: bool, setting: bool | None, secure: bool
    ) -> None:
        assert must_be_secure(ClientInfo(address, tls), setting) is secure
