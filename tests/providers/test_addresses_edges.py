"""The edges of what a user's base URL may be, to the byte and to the port."""

import asyncio
import socket
from typing import Any

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from echo.errors import Unprocessable
from echo.providers.addresses import AddressGuard, AddressRefused, is_public


def refused(url: str) -> bool:
    try:
        AddressGuard().check_url(url)
    except Unprocessable:
        return True
    return False


def test_a_refusal_does_not_say_why() -> None:
    with pytest.raises(Unprocessable) as caught:
        AddressGuard().check_url("http://127.0.0.1/v1")
    assert (caught.value.status, caught.value.code) == (422, "base_url_refused")
    assert caught.value.message == "That base URL cannot be used: it must be a public http or https address."


@pytest.mark.parametrize(
    ("url", "used"),
    [
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("https://api.example.com/v1/", "https://api.example.com/v1"),
        ("https://api.example.com/v1//", "https://api.example.com/v1"),
        ("https://api.example.com/", "https://api.example.com"),
        ("HTTPS://API.EXAMPLE.COM/V1X", "https://api.example.com/V1X"),
        ("http://api.example.com:8080/v1/", "http://api.example.com:8080/v1"),
    ],
)
def test_a_url_is_used_without_its_last_slashes(url: str, used: str) -> None:
    assert str(AddressGuard().check_url(url)) == used


@pytest.mark.parametrize("port", [80, 443, 1024, 1025, 65534, 65535])
def test_ports_of_the_web_and_from_1024_on(port: int) -> None:
    assert not refused(f"http://api.example.com:{port}/v1")


@pytest.mark.parametrize("port", [0, 1, 79, 81, 442, 444, 1023, 65536])
def test_no_other_ports(port: int) -> None:
    assert refused(f"http://api.example.com:{port}/v1")


def test_a_url_has_2048_letters_at_most() -> None:
    start = "https://api.example.com/"
    assert not refused(start + "a" * (2048 - len(start)))
    assert refused(start + "a" * (2049 - len(start)))


def test_a_host_has_253_letters_at_most_and_a_label_63() -> None:
    host = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert len(host) == 253
    assert not refused(f"https://{host}/")
    assert refused(f"https://{host}b/")
    assert refused(f"https://{'a' * 64}.example/")


@pytest.mark.parametrize(
    "host",
    ["8.8.8.8.8", "8.8.2056", "134744072", "0x8080808", "010.8.8.8", "8.8.8.08", "example.1", "8.8.8.256"],
)
def test_a_number_is_an_address_in_its_one_form(host: str) -> None:
    assert refused(f"https://{host}/v1")


# The first and the last address of each network (IANA's registries), and their neighbours outside.
@pytest.mark.parametrize(
    ("first", "last", "before", "after"),
    [
        ("10.0.0.0", "10.255.255.255", "9.255.255.255", "11.0.0.0"),
        ("100.64.0.0", "100.127.255.255", "100.63.255.255", "100.128.0.0"),
        ("127.0.0.0", "127.255.255.255", "126.255.255.255", "128.0.0.0"),
        ("169.254.0.0", "169.254.255.255", "169.253.255.255", "169.255.0.0"),
        ("172.16.0.0", "172.31.255.255", "172.15.255.255", "172.32.0.0"),
        ("192.0.0.0", "192.0.0.255", "191.255.255.255", "192.0.1.0"),
        ("192.0.2.0", "192.0.2.255", "192.0.1.255", "192.0.3.0"),
        ("192.31.196.0", "192.31.196.255", "192.31.195.255", "192.31.197.0"),
        ("192.52.193.0", "192.52.193.255", "192.52.192.255", "192.52.194.0"),
        ("192.88.99.0", "192.88.99.255", "192.88.98.255", "192.88.100.0"),
        ("192.168.0.0", "192.168.255.255", "192.167.255.255", "192.169.0.0"),
        ("192.175.48.0", "192.175.48.255", "192.175.47.255", "192.175.49.0"),
        ("198.18.0.0", "198.19.255.255", "198.17.255.255", "198.20.0.0"),
        ("198.51.100.0", "198.51.100.255", "198.51.99.255", "198.51.101.0"),
        ("203.0.113.0", "203.0.113.255", "203.0.112.255", "203.0.114.0"),
        ("168.63.129.16", "168.63.129.16", "168.63.129.15", "168.63.129.17"),
        ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2000:ffff::", "2001:200::"),
        ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db7:ffff::", "2001:db9::"),
        ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:ffff::", "2003::"),
        ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3ffe:ffff::", "3fff:1000::"),
    ],
)
def test_a_special_network_ends_where_its_registry_says(
    first: str, last: str, before: str, after: str
) -> None:
    assert [is_public(address) for address in (first, last, before, after)] == [False, False, True, True]


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("0.255.255.255", False),
        ("1.0.0.0", True),
        ("223.255.255.255", True),
        ("224.0.0.0", False),
        ("255.255.255.255", False),
        ("1fff:ffff::", False),
        ("2000::", True),
        ("3fff:ffff::", True),
        ("4000::", False),
        ("64:ff9b::8.8.8.8", True),
        ("64:ff9b::10.0.0.1", False),
        ("2606:4700:4700::1111%eth0", False),
        ("no address", False),
    ],
)
def test_where_the_public_ones_begin_and_end(address: str, public: bool) -> None:
    assert is_public(address) is public


class TestResolver:
    def test_asks_the_one_below_for_just_that(self) -> None:
        asked: list[Any] = []

        class Below(AbstractResolver):
            async def resolve(
                self, host: str, port: int = -1, family: socket.AddressFamily = socket.AF_UNSPEC
            ) -> list[ResolveResult]:
                asked.append((host, port, family))
                return [
                    ResolveResult(hostname=host, host="10.0.0.1", port=port, family=family, proto=0, flags=0)
                ]

            async def close(self) -> None:
                asked.append("close")

        guarded = AddressGuard(["h:7", "h:0"]).resolver(Below())
        asyncio.run(guarded.resolve("h", 7, socket.AF_INET6))
        asyncio.run(guarded.resolve("h"))
        asyncio.run(guarded.close())
        assert asked == [("h", 7, socket.AF_INET6), ("h", 0, socket.AF_INET), "close"]
        with pytest.raises(AddressRefused, match=r"^1 addresses$"):
            asyncio.run(guarded.resolve("h", 8))


@pytest.mark.parametrize(
    ("url", "admitted"),
    [
        (URL("http://api.example.com"), True),
        (URL("https://api.example.com/v1"), True),
        (URL("http:///v1"), False),
        (URL.build(scheme="http", host="api.example.com", port=0), False),
        (URL("ftp://api.example.com:80"), False),
        (URL("//api.example.com:80"), False),
        (URL("http://user@api.example.com"), False),
        (URL("http://:password@api.example.com"), False),
        (URL("http://localhost"), False),
    ],
    ids=repr,
)
def test_a_parsed_url_is_admitted_where_it_is_of_an_ordinary_host(url: URL, admitted: bool) -> None:
    assert AddressGuard().admits(url) is admitted
