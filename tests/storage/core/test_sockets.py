"""What reads and writes for the driver: every byte in its order, and the time that it may take."""

import socket
import ssl
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from pymongo.network_layer import NetworkingInterface

from storage.core import sockets
from storage.core.database import Database
from storage.core.sockets import AHEAD_BYTES, PlainSocket, kernels, plain

MIB = 1024 * 1024


@pytest.fixture
def ends() -> Iterator[tuple[PlainSocket, socket.socket]]:
    """The driver's end of a connection, with a timeout of a second, and MongoDB's."""
    here, there = socket.socketpair()
    here.settimeout(1.0)
    with here, there:
        yield PlainSocket(here), there


def received(near: PlainSocket, count: int) -> bytes:
    """So many bytes, as the driver takes them."""
    content = bytearray(count)
    taken = 0
    while taken < count:
        taken += near.recv_into(memoryview(content)[taken:])
    return bytes(content)


class TestReading:
    def test_every_byte_once_whatever_is_asked_for(self, ends: tuple[PlainSocket, socket.socket]) -> None:
        near, far = ends
        far.sendall(b"0123456789abcdef" + b"first" + b"fedcba9876543210" + b"second")
        sizes = (16, 5, 16, 6)
        assert [received(near, size) for size in sizes] == [
            b"0123456789abcdef",
            b"first",
            b"fedcba9876543210",
            b"second",
        ]

    def test_an_answer_of_any_size(self, ends: tuple[PlainSocket, socket.socket]) -> None:
        near, far = ends
        content = bytes(range(256)) * (4 * AHEAD_BYTES // 256)
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(far.sendall, b"head" + content + b"next")
            assert received(near, 4) == b"head"
            assert received(near, len(content)) == content
            assert received(near, 4) == b"next"
            sending.result()

    def test_what_was_read_ahead_comes_without_waiting(self, ends: tuple[PlainSocket, socket.socket]) -> None:
        near, far = ends
        far.sendall(b"head and body")
        assert received(near, 4) == b"head"
        near.settimeout(0)
        assert near.recv_into(memoryview(bytearray(100))) == len(" and body")

    def test_the_end_is_no_bytes(self, ends: tuple[PlainSocket, socket.socket]) -> None:
        near, far = ends
        far.sendall(b"last")
        far.close()
        assert received(near, 4) == b"last"
        assert near.recv_into(memoryview(bytearray(16))) == 0
        assert near.recv_into(memoryview(bytearray(AHEAD_BYTES))) == 0


class TestTimeout:
    @pytest.mark.parametrize("size", [16, AHEAD_BYTES])
    def test_nothing_comes_in_time(self, ends: tuple[PlainSocket, socket.socket], size: int) -> None:
        near, far = ends
        near.settimeout(0.001)
        with pytest.raises(TimeoutError):
            near.recv_into(memoryview(bytearray(size)))
        far.sendall(b"late")
        assert received(near, 4) == b"late"

    @pytest.mark.parametrize("size", [16, AHEAD_BYTES])
    def test_none_waits_not_at_all(self, ends: tuple[PlainSocket, socket.socket], size: int) -> None:
        near, _ = ends
        near.settimeout(0)
        with pytest.raises(BlockingIOError):
            near.recv_into(memoryview(bytearray(size)))

    def test_the_last_that_was_set_holds(self) -> None:
        here, there = socket.socketpair()
        here.settimeout(20.0)
        with here, there:
            near = PlainSocket(here)
            told = []
            for timeout in (None, 0.5, 0.5, 2.5):
                near.settimeout(timeout)
                there.sendall(b"x")
                received(near, 1)
                told.append(here.getsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, 16))
                assert near.gettimeout() == timeout
        assert [struct.unpack("@ll", each) for each in told] == [
            (0, 0),
            (0, 500_000),
            (0, 500_000),
            (2, 500_000),
        ]

    def test_begins_with_that_of_the_connection(self, ends: tuple[PlainSocket, socket.socket]) -> None:
        assert ends[0].gettimeout() == 1.0

    @pytest.mark.parametrize(
        ("timeout", "expected"),
        [
            (None, (0, 0)),
            (0.5, (0, 500_000)),
            (12.000_001, (12, 1)),
            (0.999_999_9, (1, 0)),
            # Zero would wait for ever.
            (1e-9, (0, 1)),
        ],
    )
    def test_as_the_kernel_has_it(self, timeout: float | None, expected: tuple[int, int]) -> None:
        assert struct.unpack("@ll", kernels(timeout)) == expected


class TestSending:
    def test_more_than_there_is_room_for(self, ends: tuple[PlainSocket, socket.socket]) -> None:
        near, far = ends
        content = bytes(range(256)) * (4 * MIB // 256)
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(near.sendall, content)
            taken = bytearray()
            while len(taken) < len(content):
                taken += far.recv(MIB)
            sending.result()
        assert taken == content
        far.sendall(b"answer")
        assert received(near, 6) == b"answer"

    def test_nobody_takes_it_in_time(self, ends: tuple[PlainSocket, socket.socket]) -> None:
        near, _ = ends
        near.settimeout(0.001)
        with pytest.raises(TimeoutError):
            near.sendall(bytes(4 * MIB))

    def test_nobody_is_there(self, ends: tuple[PlainSocket, socket.socket]) -> None:
        near, far = ends
        far.close()
        with pytest.raises(OSError, match="Broken pipe"):
            near.sendall(b"asked")


class TestPlainPool:
    def test_the_databases_connections_are_such(self, mongo_uri: str) -> None:
        with closing(Database(mongo_uri)) as database:
            rows = database.collection("plain_sockets")
            rows.insert_one({"_id": "large", "text": "." * 3 * MIB})
            found = rows.find_one({"_id": "large"})
            rows.drop()
            pools: list[Any] = [each.pool for each in database.client._get_topology()._servers.values()]
            connections = [each.conn.get_conn for pool in pools for each in pool.conns]
        assert found is not None
        assert len(found["text"]) == 3 * MIB
        assert {type(each) for each in connections} == {PlainSocket}

    def test_what_asks_how_the_servers_are_has_the_drivers_own(self, mongo_uri: str) -> None:
        with closing(Database(mongo_uri)) as database:
            database.ping()
            [server] = database.client._get_topology()._servers.values()
            monitor: Any = server._monitor
            with monitor._pool.checkout() as connection:
                assert type(connection.conn.get_conn) is socket.socket


class TestPlain:
    @pytest.mark.parametrize(
        ("system", "secured", "expected"),
        [
            ("linux", False, PlainSocket),
            ("darwin", False, socket.socket),
            ("linux", True, ssl.SSLSocket),
        ],
    )
    def test_only_without_tls_and_on_linux(
        self, monkeypatch: pytest.MonkeyPatch, system: str, secured: bool, expected: type
    ) -> None:
        here, there = socket.socketpair()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        monkeypatch.setattr(sockets, "sys", SimpleNamespace(platform=system))
        with here, there:
            near = context.wrap_socket(here, do_handshake_on_connect=False) if secured else here
            with near:
                assert type(plain(NetworkingInterface(near)).get_conn) is expected
