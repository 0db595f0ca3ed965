"""A loop that never ends is over the limit; tests on a busy machine are not."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from tests.mutants import patience
from tests.mutants.patience import (
    Spent,
    Stopwatch,
    crowding,
    limit_of_all,
    limit_of_test,
    processor_seconds,
)


class TestLimits:
    def test_of_a_quick_test_are_what_is_shared(self) -> None:
        assert limit_of_test(0.5) == Spent(30.0, 30.0)

    def test_of_a_long_test_are_times_what_it_takes(self) -> None:
        assert limit_of_test(8.0) == Spent(40.0, 80.0)

    def test_of_all_tests_leave_room_for_three_runs_and_what_is_shared(self) -> None:
        assert limit_of_all(4.0) == Spent(100.0, 100.0)

    @pytest.mark.parametrize(
        ("spent", "is_beyond"),
        [
            (Spent(30.0, 30.0), False),
            # A loop that spins, and one that sleeps.
            (Spent(30.1, 5.0), True),
            (Spent(0.1, 30.1), True),
        ],
    )
    def test_are_kept_by_both_clocks(self, spent: Spent, is_beyond: bool) -> None:
        assert spent.is_beyond(Spent(30.0, 30.0)) is is_beyond


class TestStopwatch:
    def look(self, monkeypatch: pytest.MonkeyPatch, *, load: float, step: float) -> Spent:
        """After four looks that lie so far apart, on two processors."""
        ticks = count(100.0, step)
        monkeypatch.setattr(patience, "monotonic", lambda: next(ticks))
        monkeypatch.setattr(patience, "processor_seconds", float)
        monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
        monkeypatch.setattr(os, "cpu_count", lambda: 2)
        watch = Stopwatch(7)
        return [watch.look() for _ in range(4)][-1]

    def test_counts_what_passes_on_a_calm_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.look(monkeypatch, load=1.5, step=0.5) == Spent(7.0, 2.0)

    def test_counts_less_where_more_want_to_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.look(monkeypatch, load=8.0, step=0.5) == Spent(7.0, 0.5)

    def test_counts_no_time_in_which_it_had_to_wait_itself(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.look(monkeypatch, load=0.0, step=60.0) == Spent(7.0, 4.0)


def test_a_machine_with_nothing_to_do_is_not_faster() -> None:
    assert (crowding(0.0, 2), crowding(2.0, 2), crowding(5.0, 2)) == (1.0, 1.0, 2.5)


class TestProcessorSeconds:
    def test_are_those_of_a_session_and_of_whom_it_waited_for(self, tmp_path: Path) -> None:
        second = os.sysconf("SC_CLK_TCK")

        def put(pid: int, name: str, session: int, *ticks: int) -> None:
            (tmp_path / str(pid)).mkdir()
            before = f"{pid} ({name}) S 1 {session} {session} 0 -1 0 0 0 0 0"
            (tmp_path / str(pid) / "stat").write_text(f"{before} {' '.join(map(str, ticks))} 20 0 1")

        put(10, "python", 10, second, 2 * second, 4 * second, 8 * second)
        put(11, "a) name (of", 10, 16 * second, 0, 0, 0)
        put(12, "python", 12, 32 * second, 0, 0, 0)
        (tmp_path / "13").mkdir()
        (tmp_path / "13" / "stat").symlink_to(tmp_path / "ended")
        (tmp_path / "self").symlink_to(tmp_path / "10")
        assert processor_seconds(10, tmp_path) == 31.0

    @pytest.mark.skipif(not patience.PROC.is_dir(), reason="no such directory here")
    def test_pass_for_who_spins_and_not_for_who_waits(self) -> None:
        with running("while True: pass") as spinning, running("input()") as waiting:
            before = processor_seconds(waiting.pid)
            begun = processor_seconds(spinning.pid)
            assert any(processor_seconds(spinning.pid) - begun >= 0.2 for _ in range(100_000))
            assert processor_seconds(waiting.pid) - before <= 0.1


@contextmanager
def running(code: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process with a session of its own that does this."""
    command = [sys.executable, "-c", f"print(flush=True)\n{code}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, start_new_session=True, stdin=pipe, stdout=pipe) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()
