import resource
import subprocess
import sys

import pytest

from echo.serving.descriptors import room_for

UNLIMITED = resource.RLIM_INFINITY


class TestRoom:
    @pytest.mark.parametrize(
        ("descriptors", "wanted", "room"),
        [
            (256, 2000, 64),
            (1024, 2000, 448),
            (64_000, 2000, 2000),
            (64_000, 100_000, 31_936),
            (256, 10, 10),
            (64, 2000, 16),
            (UNLIMITED, 2000, 2000),
        ],
    )
    def test_keeps_128_back_and_counts_two_for_each_connection(
        self, descriptors: int, wanted: int, room: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, UNLIMITED))
        assert room_for(wanted) == room


class TestLimit:
    @pytest.mark.parametrize(("soft", "hard", "raised"), [(100, 300, 300), (300, 300, 300)])
    def test_is_raised_to_what_the_system_allows(self, soft: int, hard: int, raised: int) -> None:
        code = (
            "import resource; from echo.serving.descriptors import raise_limit; raise_limit();"
            "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
        )
        run = subprocess.run(
            ["prlimit", f"--nofile={soft}:{hard}", sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
        )
        assert run.stdout.split() == [str(raised), str(hard)]
