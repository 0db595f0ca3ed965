"""What the doctor says of providers and speech: asked on loopback, with a key that must never show."""

import importlib.util
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from echo.doctor import Finding, Status, begin
from echo.doctor import providers as doctor_providers
from echo.doctor.providers import check_provider, check_providers, models_request
from echo.doctor.speech import check_speech
from echo.settings import ProviderSettings
from echo.speech.offline import OfflineTranscriber
from tests.support.loopback import Answer, Provider, answer_with, provider
from tests.support.waiting import PATIENCE

KEY = "sk-canary"


@contextmanager
def answering(status: int = 200, **options: Any) -> Iterator[Provider]:
    with provider(answer_with({"data": []}, status=status, **options)) as running:
        yield running


def openai(url: str, **fields: Any) -> ProviderSettings:
    return ProviderSettings("openAI", "openai", ("m",), api_key=KEY, base_url=url, **fields)


def look(url: str, **fields: Any) -> Finding:
    found = check_provider(openai(url, **fields))
    assert "canary" not in found.what + found.todo
    return found


class TestProvider:
    @pytest.mark.parametrize(
        ("status", "expected", "word"),
        [
            (200, "ok", "takes the key"),
            (401, "failed", "refuses its key"),
            (403, "failed", "refuses its key"),
            (404, "warning", "404"),
            (302, "warning", "302"),
            (429, "warning", "limit"),
            (503, "warning", "out of order"),
        ],
    )
    def test_is_judged_by_its_status(self, status: int, expected: str, word: str) -> None:
        with answering(status, headers={"Location": "http://127.0.0.1:1/"}) as running:
            found = look(running.url)
        assert (str(found.status), word in found.what) == (expected, True)

    def test_is_asked_for_its_models_with_its_key(self) -> None:
        with answering() as running:
            look(f"{running.url}/v1/", headers={"X-Team": "echo"})
        [request] = running.requests
        assert request.path == "/v1/models"
        assert request.headers["Authorization"] == f"Bearer {KEY}"
        assert request.headers["X-Team"] == "echo"

    @pytest.mark.parametrize(
        ("kind", "path", "header"),
        [
            ("anthropic", "/v1/models", "x-api-key"),
            ("google", "/v1beta/models", "x-goog-api-key"),
            ("custom", "/models", "Authorization"),
        ],
    )
    def test_of_each_kind_has_its_own_question(self, kind: str, path: str, header: str) -> None:
        request = models_request(ProviderSettings("p", kind, (), api_key=KEY, base_url="http://p"))
        assert request is not None
        assert request[0] == f"http://p{path}"
        assert KEY in request[1][header]

    def test_of_which_we_know_no_question_is_skipped(self) -> None:
        for kind in ("bedrock", "azure"):
            assert check_provider(ProviderSettings("p", kind, (), api_key=KEY)).status is Status.SKIPPED

    @pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://name.invalid", "nonsense", "http://[::1"])
    def test_that_cannot_be_reached_has_failed(self, url: str) -> None:
        assert look(url).status is Status.FAILED

    def test_whose_key_is_no_header_has_failed(self) -> None:
        with answering() as running:
            bad = ProviderSettings("p", "openai", (), api_key="sk-can\nary", base_url=running.url)
            found = check_provider(bad)
        assert found.status is Status.FAILED
        assert "ary" not in found.what

    def test_that_does_not_answer_is_not_waited_for(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor_providers, "READ_SECONDS", 0.1)
        given_up = threading.Event()
        wait: Answer = lambda _: given_up.wait(PATIENCE)  # noqa: E731
        with provider(wait) as running:
            found = look(running.url)
            given_up.set()
        assert (found.status, "no answer in time" in found.what) == (Status.FAILED, True)


class TestProviders:
    def test_without_a_key_are_not_asked(self) -> None:
        [found] = check_providers(begin({"ECHO_OFFLINE_MODEL": "off"}, None))
        assert found.status is Status.SKIPPED

    def test_are_not_asked_offline(self) -> None:
        with answering() as running:
            environ = {"OPENAI_API_KEY": KEY, "OPENAI_REVERSE_PROXY": running.url}
            [found] = check_providers(begin(environ, None, offline=True))
        assert (found.status, running.requests) == (Status.SKIPPED, [])
        assert "openAI" in found.what

    def test_are_asked_each(self) -> None:
        with answering() as one, answering(401) as two:
            environ = {
                "OPENAI_API_KEY": KEY,
                "OPENAI_REVERSE_PROXY": one.url,
                "ANTHROPIC_API_KEY": KEY,
                "ANTHROPIC_REVERSE_PROXY": two.url,
            }
            found = list(check_providers(begin(environ, None)))
        assert [(each.about, str(each.status)) for each in found] == [
            ("provider openAI", "ok"),
            ("provider anthropic", "failed"),
        ]

    def test_with_several_keys_are_asked_with_each(self) -> None:
        with answering() as running:
            environ = {"OPENAI_API_KEY": f"{KEY}-1,{KEY}-2", "OPENAI_REVERSE_PROXY": running.url}
            found = list(check_providers(begin(environ, None)))
        assert [each.about for each in found] == [
            "provider openAI, key 1 of 2",
            "provider openAI, key 2 of 2",
        ]
        sent = sorted(request.headers["Authorization"] for request in running.requests)
        assert sent == [f"Bearer {KEY}-1", f"Bearer {KEY}-2"]
        assert "canary" not in repr(found)


class TestSpeech:
    def look(self, offline: bool = False, **environ: str) -> Finding:
        [found] = check_speech(begin(environ, None, offline=offline))
        assert "canary" not in found.what + found.todo
        return found

    def test_that_is_off(self) -> None:
        assert self.look(ECHO_STT="off").status is Status.OK

    @pytest.mark.parametrize(("status", "expected"), [(405, "ok"), (401, "failed"), (503, "warning")])
    def test_by_a_service(self, status: int, expected: str) -> None:
        with answering(status) as running:
            found = self.look(STT_API_KEY=KEY, ECHO_STT_URL=f"{running.url}/v1/audio/transcriptions")
        assert str(found.status) == expected

    def test_by_a_service_that_may_not_be_asked(self) -> None:
        assert self.look(offline=True, STT_API_KEY=KEY).status is Status.SKIPPED

    @pytest.mark.skipif(not OfflineTranscriber.is_installed(), reason="the extra is not installed")
    def test_by_the_recogniser(self) -> None:
        assert self.look().status is Status.OK

    def test_by_a_recogniser_that_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name == "pocketsphinx" else find(name)
        )
        assert self.look().status is Status.WARNING
        assert self.look(ECHO_STT="offline").status is Status.FAILED

    def test_by_a_recogniser_that_does_not_load(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(_: OfflineTranscriber) -> None:
            raise ImportError("libsomething.so")

        monkeypatch.setattr(OfflineTranscriber, "is_installed", staticmethod(lambda: True))
        monkeypatch.setattr(OfflineTranscriber, "load", broken)
        assert self.look().status is Status.FAILED
