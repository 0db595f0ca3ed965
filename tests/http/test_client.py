import pytest

from echo.http.client import read_client


def scope(forwarded: str | None = None, proto: str | None = None) -> dict[str, object]:
    headers = [(b"user-agent", b"curl" + b"x" * 500)]
    if forwarded is not None:
        headers.append((b"x-forwarded-for", forwarded.encode()))
    if proto is not None:
        headers.append((b"x-forwarded-proto", proto.encode()))
    return {"type": "http", "client": ("10.0.0.9", 1234), "scheme": "http", "headers": headers}


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
            ("[", 1, "10.0.0.9"),
            (":5678", 1, "10.0.0.9"),
            ("nonsense\x1b[31m", 1, "10.0.0.9"),
            ("", 1, "10.0.0.9"),
        ],
    )
    def test_is_the_one_that_trusted_proxies_saw(
        self, forwarded: str | None, proxies: int, address: str
    ) -> None:
        assert read_client(scope(forwarded), proxies).address == address


class TestTls:
    def test_is_believed_of_a_trusted_proxy_only(self) -> None:
        assert read_client(scope("1.2.3.4", "https"), 1).secure
        assert not read_client(scope("1.2.3.4", "https"), 0).secure


def test_a_user_agent_is_cut() -> None:
    assert len(read_client(scope(), 0).user_agent) == 256
