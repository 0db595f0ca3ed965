"""Where a user's own base URL may lead: the whole matrix, with name servers that are made up."""

import asyncio
import socket
from collections.abc import Sequence

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from echo.errors import ApiError, Unprocessable
from echo.providers.addresses import AddressGuard, AddressRefused, is_public
from echo.providers.chat import Credentials
from tests.support.providers import Reply, json_answer, openai_server
from tests.support.providers.asking import Said, ask, listen, settings_of
from tests.support.providers.server import Answer

PUBLIC = ("8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "192.0.1.1", "198.20.0.1", "223.255.255.254")
PUBLIC_6 = (
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    # Beside the blocks of NOT_PUBLIC_6.
    "2001:200::1",
    "2001:db7:ffff::1",
    "2001:db9::1",
    "2003::1",
    "3ffe:ffff::1",
    "3fff:1000::1",
    "2000::1",
    "3fff:ffff:ffff::1",
)
NOT_PUBLIC = (
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
)
NOT_PUBLIC_6 = (
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::808:808",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    # The rest of 2001::/23, of which Teredo is a small part: benchmarks, ORCHID, AS112, and what is not assigned.
    "2001:1::1",
    "2001:2::1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2001:100::1",
    "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db8::1",
    "2001:db8:ffff:ffff::1",
    "2002:7f00:1::",
    "2002:ffff:ffff::1",
    "2002:a9fe:a9fe::1",
    "3fff::1",
    "3fff:fff:ffff::1",
    "4000::1",
    "1fff:ffff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
)


class TestAddresses:
    @pytest.mark.parametrize("address", PUBLIC + PUBLIC_6)
    def test_of_the_internet_are_public(self, address: str) -> None:
        assert is_public(address)

    @pytest.mark.parametrize("address", NOT_PUBLIC + NOT_PUBLIC_6)
    def test_of_all_other_kinds_are_not(self, address: str) -> None:
        assert not is_public(address)

    @pytest.mark.parametrize(
        "text", ["", "localhost", "8.8.8", "8.8.8.8.8", "0x08.8.8.8", "8.8.8.8 ", "1", "2606:"]
    )
    def test_that_are_none_are_not(self, text: str) -> None:
        assert not is_public(text)


# As they are used: what a client's path is put behind.
GOOD_URLS = {
    "https://api.example.com/v1": "https://api.example.com/v1",
    "http://api.example.com": "http://api.example.com",
    "http://api.example.com/": "http://api.example.com",
    "https://api.example.com:8443/v1/": "https://api.example.com:8443/v1",
    "https://api.example.com/v1///": "https://api.example.com/v1",
    "https://api.example.com/a/../v1": "https://api.example.com/v1",
    "https://8.8.8.8/v1": "https://8.8.8.8/v1",
    "https://[2606:4700:4700::1111]:8443/v1": "https://[2606:4700:4700::1111]:8443/v1",
    "https://xn--bcher-kva.example/v1": "https://xn--bcher-kva.example/v1",
    "HTTPS://API.EXAMPLE.COM/v1": "https://api.example.com/v1",
}
BAD_URLS = (
    *(f"http://{address}/v1" for address in NOT_PUBLIC),
    *(f"http://[{address}]/v1" for address in NOT_PUBLIC_6),
    # Other ways to write 127.0.0.1, which libc would take.
    "http://2130706433/",
    "http://017700000001/",
    "http://0x7f000001/",
    "http://0x7f.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://0177.0.0.1/",
    "http://0x7f.0.0.1/",
    "http://127.0.0.01/",
    "http://127.0.0.1./",
    "http://8.8.8.8./",
    "http://8.8.8/",
    "http://134744072/",
    "http://0/",
    "http://①②⑦.⓪.⓪.①/",
    "http://127。0。0。1/",
    "http://%31%32%37.0.0.1/",
    # Names of this machine and its network.
    "http://localhost/",
    "http://LOCALHOST:3080/",
    "http://localhost./",
    "http://mongodb:27017/",
    "http://metadata/",
    "http://api.example.com./",
    "http://api..example.com/",
    "http://-api.example.com/",
    "http://api_.example.com:0/",
    # Other schemes, and none.
    "ftp://api.example.com/",
    "file:///etc/passwd",
    "gopher://api.example.com/",
    "javascript:alert(1)",
    "unix:///var/run/docker.sock",
    "ws://api.example.com/",
    "//api.example.com/",
    "api.example.com",
    "",
    "https://",
    "https:///v1",
    "http:api.example.com",
    # What hides the host, or adds to the request.
    "https://user@api.example.com/",
    "https://user:password@api.example.com/",
    "https://api.example.com@127.0.0.1/",
    "https://@api.example.com/",
    "https://api.example.com\\@127.0.0.1/",
    "https://api.example.com\\.evil.com/",
    "https://api.example.com/v1?next=",
    "https://api.example.com/v1#",
    "https://api.example.com/\r\nHost: evil",
    "https://api.example.com/a b",
    "https://api.example.com/\x00",
    " https://api.example.com/",
    "https://" + "a" * 3000 + ".com/",
    "https://" + "a" * 64 + ".com/",
    # Ports of services that speak something else.
    "http://api.example.com:22/",
    "http://api.example.com:25/",
    "http://api.example.com:0/",
    "http://api.example.com:65536/",
    "http://api.example.com:-1/",
    "http://api.example.com:http/",
    "http://[::1/",
    "http://[v1.x]/",
)


class TestUrls:
    @pytest.mark.parametrize(("url", "used"), GOOD_URLS.items())
    def test_that_may_be_used(self, url: str, used: str) -> None:
        assert str(AddressGuard().check_url(url)).rstrip("/") == used
        assert not str(AddressGuard().check_url(url)).endswith("/v1/")

    @pytest.mark.parametrize("url", BAD_URLS)
    def test_that_may_not(self, url: str) -> None:
        with pytest.raises(Unprocessable) as refused:
            AddressGuard().check_url(url)
        assert refused.value.code == "base_url_refused"
        assert url not in str(refused.value) or not url

    @pytest.mark.parametrize(
        ("allowed", "url", "good"),
        [
            ("127.0.0.1:11434", "http://127.0.0.1:11434/v1", True),
            ("127.0.0.1:11434", "http://127.0.0.1:11435/v1", False),
            ("localhost:11434", "http://LOCALHOST:11434/v1", True),
            ("Ollama:80", "http://ollama/v1", True),
            ("ollama:80", "https://ollama/v1", False),
            ("[::1]:8080", "http://[::1]:8080/v1", True),
            ("[::1]:8080", "http://[::2]:8080/v1", False),
            ("10.0.0.1:22", "http://10.0.0.1:22/", True),
        ],
    )
    def test_that_the_operator_allows_by_name(self, allowed: str, url: str, good: bool) -> None:
        guard = AddressGuard([allowed])
        if good:
            assert guard.check_url(url)
        else:
            with pytest.raises(Unprocessable):
                guard.check_url(url)


class MadeUp(AbstractResolver):
    """A name server of our own; each question takes the next of its answers, the last one is repeated."""

    def __init__(self, *answers: Sequence[str], port: int | None = None) -> None:
        self._answers = list(answers)
        self._port = port
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        return [
            {
                "hostname": host,
                "host": address,
                "port": self._port or port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in answer
        ]

    async def close(self) -> None:
        """Nothing to close."""


class TestResolving:
    def resolve(self, *addresses: str, allowed: Sequence[str] = ()) -> list[str]:
        made_up = MadeUp(addresses)
        resolver = AddressGuard(allowed).resolver(made_up)
        found = asyncio.run(resolver.resolve("api.example.com", 443))
        asyncio.run(resolver.close())
        return [each["host"] for each in found]

    def test_gives_public_addresses(self) -> None:
        assert self.resolve("8.8.8.8", "2606:4700:4700::1111") == ["8.8.8.8", "2606:4700:4700::1111"]

    @pytest.mark.parametrize("address", NOT_PUBLIC + NOT_PUBLIC_6)
    def test_refuses_a_name_of_which_any_address_is_not_public(self, address: str) -> None:
        for addresses in ([address], ["8.8.8.8", address], [address, "8.8.8.8"]):
            with pytest.raises(AddressRefused):
                self.resolve(*addresses)

    def test_gives_a_private_address_that_the_operator_allows(self) -> None:
        assert self.resolve("10.0.0.1", allowed=["api.example.com:443"]) == ["10.0.0.1"]


OWN = {"user_provides_key": True, "user_provides_url": True}


class TestConnecting:
    """Through the whole provider, to a server that listens here under names that are made up."""

    def ask(self, url: str, guard: AddressGuard, **more: object) -> Said:
        settings = settings_of("custom", "http://127.0.0.1:1", **{**OWN, **more})
        return listen(settings, credentials=Credentials("mine", url), guard=guard)

    def test_an_allowed_address_is_reached(self) -> None:
        with openai_server(key="mine") as server:
            assert self.ask(server.url, AddressGuard([server.url[7:-3]])).text == Reply().whole

    def test_nothing_is_sent_to_a_name_that_resolves_to_this_machine(self) -> None:
        with openai_server() as server:
            port = int(server.url[:-3].rpartition(":")[2])
            resolver = MadeUp(["127.0.0.1"], port=port)
            said = self.ask(f"http://api.example.com:{port}/v1", AddressGuard(resolver=resolver))
        assert refused(said.error)
        assert resolver.asked == ["api.example.com"]
        assert server.connections == 0

    def test_a_name_that_changes_its_mind_gains_nothing(self) -> None:
        """Rebinding: it is public when it is checked, and this machine when it would be looked up again."""
        with openai_server() as server:
            port = int(server.url[:-3].rpartition(":")[2])
            resolver = MadeUp(["8.8.8.8"], ["127.0.0.1"], port=port)
            guarded = AddressGuard().resolver(resolver)
            first = asyncio.run(guarded.resolve("api.example.com", port))
            with pytest.raises(AddressRefused):
                asyncio.run(guarded.resolve("api.example.com", port))
            # What was checked is an address by number, which nobody looks up again.
            assert [(each["host"], each["flags"]) for each in first] == [("8.8.8.8", socket.AI_NUMERICHOST)]
            assert server.connections == 0

    def test_what_was_checked_is_what_is_connected_to(self) -> None:
        """The name is looked up once for a connection, and an allowed one leads where the resolver said."""
        with openai_server() as server:
            port = int(server.url[:-3].rpartition(":")[2])
            resolver = MadeUp(["127.0.0.1"], ["10.255.255.1"])
            guard = AddressGuard([f"api.example.com:{port}"], resolver)
            assert self.ask(f"http://api.example.com:{port}/v1", guard).text == Reply().whole
        assert resolver.asked == ["api.example.com"]
        assert server.requests[0].headers["host"] == f"api.example.com:{port}"

    def test_a_redirect_is_not_followed(self) -> None:
        with openai_server() as inner:
            elsewhere = Answer([], 307, {"Content-Length": "0", "Location": f"{inner.url}/chat/completions"})
            with openai_server(elsewhere) as server:
                said = self.ask(server.url, AddressGuard([server.url[7:-3], inner.url[7:-3]]))
        assert (said.error.status, inner.connections) == (502, 0)

    def test_the_operators_headers_and_key_stay_at_home(self) -> None:
        with openai_server() as server:
            self.ask(
                server.url,
                AddressGuard([server.url[7:-3]]),
                headers={"X-Secret": "canary"},
                api_key="server's",
            )
        [request] = server.requests
        assert request.headers["authorization"] == "Bearer mine"
        assert "canary" not in str(request.headers)

    def test_an_address_counts_only_where_the_operator_lets_users_bring_one(self) -> None:
        with openai_server() as server, openai_server() as other:
            settings = settings_of("custom", server.url, user_provides_key=True)
            said = listen(settings, credentials=Credentials("mine", other.url))
        assert said.text == Reply().whole
        assert other.connections == 0

    def test_the_operators_own_address_may_be_private(self) -> None:
        with openai_server() as server:
            assert listen(settings_of("custom", server.url)).text == Reply().whole

    def test_models_are_asked_for_with_the_same_care(self) -> None:
        with openai_server(json_answer({})) as server:
            port = int(server.url[:-3].rpartition(":")[2])
            guard = AddressGuard(resolver=MadeUp(["127.0.0.1"], port=port))

            settings = settings_of("custom", "http://127.0.0.1:1", fetch_models=True, **OWN)
            url = f"http://api.example.com:{port}/v1"
            assert ask(settings, lambda it: it.models(Credentials("mine", url)), guard=guard) == ("m",)
        assert server.connections == 0


def refused(error: ApiError | None) -> bool:
    return error is not None and error.code == "base_url_refused"
