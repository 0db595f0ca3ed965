"""The sockets of the workers: one each, on a port that nobody else has."""

import pickle
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from echo.serving.listening import AddressUnavailable, bind


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


class TestBind:
    def test_takes_any_free_port(self) -> None:
        with bind("127.0.0.1", 0) as bound:
            assert bound.getsockname()[1] > 0

    def test_takes_an_ipv6_address(self) -> None:
        if not socket.has_ipv6:
            pytest.skip("no IPv6 here")
        try:
            bound = bind("::1", 0)
        except AddressUnavailable:
            pytest.skip("no IPv6 loopback here")
        with bound:
            assert bound.family == socket.AF_INET6

    def test_a_taken_port_is_named(self, taken: int) -> None:
        with pytest.raises(AddressUnavailable, match=f"Port {taken} on 127.0.0.1"):
            bind("127.0.0.1", taken)

    def test_an_address_of_another_machine_is_refused(self) -> None:
        with pytest.raises(AddressUnavailable):
            bind("192.0.2.1", 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux spreads connections over sockets")
class TestWorkers:
    def test_get_a_socket_each_and_share_the_connections(self) -> None:
        with ExitStack() as stack:
            masters = stack.enter_context(bind("127.0.0.1", 0))
            workers = [stack.enter_context(pickle.loads(pickle.dumps(masters))) for _ in range(2)]
            for worker in workers:
                worker.listen()
                worker.settimeout(0)
            for _ in range(64):
                stack.enter_context(socket.create_connection(masters.getsockname()))
            accepted = [count_accepted(worker, stack) for worker in workers]
        assert sum(accepted) == 64
        # One of them gets fewer than eight of 64 once in ten million million runs.
        assert min(accepted) >= 8

    def test_keep_others_away_from_their_port(self) -> None:
        with bind("127.0.0.1", 0) as masters, pickle.loads(pickle.dumps(masters)) as worker:
            worker.listen()
            with pytest.raises(AddressUnavailable):
                bind("127.0.0.1", masters.getsockname()[1])


def count_accepted(worker: socket.socket, stack: ExitStack) -> int:
    count = 0
    while True:
        try:
            stack.enter_context(worker.accept()[0])
        except BlockingIOError:
            return count
        count += 1
