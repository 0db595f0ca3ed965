import pytest

from echo.http.client import is_loopback, read_client


def scope(
    forwarded: str | list[str] | None = None, proto: str | list[str] | None = None, scheme: str = "http"
) -> dict[str, object]:
    """A request from 10.0.0.9; a list is a header of several lines."""
    headers = [
        (name, line.encode("latin-1"))
        for name, given in ((b"x-forwarded-for", forwarded), (b"x-forwarded-proto", proto))
        for line in ([given] if isinstance(given, str) else given or [])
    ]
    return {"type": "http", "client": ("10.0.0.9", 1234), "scheme": scheme, "headers": headers}


class TestAddress:
    @pytest.mark.parametrize(
        ("forwarded", "proxies", "address"),
        [
            (None, 0, "10.0.0.9"),
            ("1.2.3.4", 0, "10.0.0.9"),
            ("1.2.3.4", 1, "1.2.3.4"),
            ("6.6.6.6, 1.2.3.4", 1, "1.2.3.4"),
            ("6.6.6.6, 1.2.3.4, 10.0.0.1", 2, "1.2.3.4"),
            ("1.2.3.4", 2, "1.2.3.4"),
            ("2001:db8::1", 1, "2001:db8::1"),
            ("1.2.3.4:5678", 1, "1.2.3.4"),
            ("6.6.6.6:1, [2001:db8::1]:5678", 1, "2001:db8::1"),
            ("[2001:db8::1]", 1, "2001:db8::1"),
            ("fe80::1%eth0", 1, "fe80::1"),
            ("[2001:db8::1]]:5678", 1, "2001:db8::1"),
            ("[", 1, "10.0.0.9"),
            (":5678", 1, "10.0.0.9"),
            ("%", 1, "10.0.0.9"),
            ("nonsense\x1b[31m", 1, "10.0.0.9"),
            ("", 1, "10.0.0.9"),
            # Who adds a line of its own, as HAProxy does, wrote the last one.
            (["6.6.6.6", "1.2.3.4"], 1, "1.2.3.4"),
            (["6.6.6.6, 7.7.7.7", "1.2.3.4"], 1, "1.2.3.4"),
            (["6.6.6.6", "7.7.7.7, 1.2.3.4"], 1, "1.2.3.4"),
            (["6.6.6.6", "1.2.3.4", "10.0.0.1"], 2, "1.2.3.4"),
            (["6.6.6.6, 1.2.3.4", "10.0.0.1"], 2, "1.2.3.4"),
            (["6.6.6.6", "1.2.3.4, 10.0.0.1"], 2, "1.2.3.4"),
            (["1.2.3.4", "10.0.0.1"], 3, "1.2.3.4"),
            (["6.6.6.6", "1.2.3.4", ""], 1, "1.2.3.4"),
            (["6.6.6.6", " , 1.2.3.4 ,, "], 1, "1.2.3.4"),
            (["", ","], 1, "10.0.0.9"),
            # An entry that is no address is one all the same: the one before it is the client's word.
            (["6.6.6.6", "unknown"], 1, "10.0.0.9"),
            (["6.6.6.6, 1.2.3.4", "garbage"], 2, "1.2.3.4"),
            ("6.6.6.6, _hidden, 10.0.0.1", 2, "10.0.0.9"),
            (["1.2.3.4", "6.6.6.6"], 0, "10.0.0.9"),
        ],
    )
    def test_is_the_one_that_trusted_proxies_saw(
        self, forwarded: str | list[str] | None, proxies: int, address: str
    ) -> None:
        assert read_client(scope(forwarded), proxies).address == address

    @pytest.mark.parametrize("client", [None, ()])
    def test_may_be_unknown_as_behind_a_unix_socket(self, client: tuple[()] | None) -> None:
        assert read_client({**scope(), "client": client}, 0).address == "unknown"
        assert read_client({**scope("1.2.3.4"), "client": client}, 1).address == "1.2.3.4"


class TestDevice:
    def named(self, agent: str | None) -> str:
        lines = [] if agent is None else [(b"user-agent", agent.encode("latin-1"))]
        return read_client({**scope(), "headers": lines}, 0).device

    def test_is_what_the_client_says_of_itself(self) -> None:
        assert self.named("Firefox/128 (on a phone)") == "Firefox/128 (on a phone)"

    def test_may_be_unknown(self) -> None:
        assert self.named(None) == ""

    def test_is_without_what_cannot_be_shown(self) -> None:
        assert self.named("Fire\x1b[31mfox\x7f on\xa0a\tphone") == "Fire[31mfox onaphone"

    def test_is_no_longer_than_any_browsers(self) -> None:
        assert self.named("x" * 299 + "yz") == "x" * 299 + "y"


class TestLoopback:
    @pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.53", "127.255.255.255", "::1"])
    def test_is_this_machine(self, address: str) -> None:
        assert is_loopback(address) is True

    @pytest.mark.parametrize(
        "address", ["126.255.255.255", "128.0.0.0", "0.0.0.0", "::", "::2", "unknown", "localhost", ""]
    )
    def test_is_nothing_else(self, address: str) -> None:
        assert is_loopback(address) is False


class TestTls:
    @pytest.mark.parametrize(
        ("proto", "proxies", "scheme", "secure"),
        [
            ("https", 1, "http", True),
            ("HTTPS ", 1, "http", True),
            ("http", 1, "https", False),
            ("https", 0, "http", False),
            ("http", 0, "https", True),
            (None, 1, "https", True),
            ("https, http", 1, "http", False),
            ("http, https", 1, "http", True),
            (["https", "http"], 1, "http", False),
            (["http", "https"], 1, "http", True),
            # The outer proxy was spoken to over TLS, and the inner one by the outer without.
            (["https", "http"], 2, "http", True),
            ("http, https, http", 2, "http", True),
            ("https, http, http", 2, "http", False),
            ("https", 2, "http", True),
            # What makes no sense says nothing.
            (["https", "nonsense"], 1, "http", False),
            ("", 1, "https", True),
            ("ftp", 1, "https", True),
            ([",", ""], 1, "https", True),
        ],
    )
    def test_is_what_the_outermost_trusted_proxy_says(
        self, proto: str | list[str] | None, proxies: int, scheme: str, secure: bool
    ) -> None:
        assert read_client(scope("1.2.3.4", proto, scheme), proxies).secure is secure
