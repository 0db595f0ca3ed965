"""`librechat.yaml`: what is taken, what is refused, what is warned of."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from echo.settings import FileRules, RateLimit, Settings, SettingsError, load_settings
from echo.settings.agents import AgentSettings
from echo.settings.model import CreditSettings
from tests.settings.conftest import Load

EXAMPLE = Path(__file__).parent / "librechat.yaml"
ENVIRON = {
    "STT_KEY": "stt-canary",
    "TEAM": "desk",
    "AZURE_NORTH": "north-canary",
    "AZURE_SOUTH": "south-canary",
    "LIBRARY_KEY": "library-canary",
    "HOME": "/home-canary",
}
Faults = Callable[..., list[str]]


@pytest.fixture
def whole() -> Settings:
    return load_settings(ENVIRON, config_file=EXAMPLE)


class TestFile:
    def test_need_not_be_there_by_default(self, tmp_path: Path) -> None:
        assert load_settings({}, config_file=tmp_path / "librechat.yaml") == load_settings({})

    def test_must_be_there_where_it_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"other\.yaml cannot be read"):
            load_settings({"CONFIG_PATH": str(tmp_path / "other.yaml")})

    def test_that_is_named_comes_before_the_default_one(self, tmp_path: Path, load: Load) -> None:
        other = tmp_path / "other.yml"
        other.write_text("version: 1.3.5\nregistration: {allowedDomains: [b.example]}\n")
        settings = load("registration: {allowedDomains: [a.example]}", CONFIG_PATH=str(other))
        assert settings.allowed_domains == ("b.example",)

    @pytest.mark.parametrize("url", ["https://config.example/librechat.yaml", "HTTP://x/y"])
    def test_is_not_fetched_from_elsewhere(self, url: str) -> None:
        with pytest.raises(SettingsError, match=r"^CONFIG_PATH must be a file: .*\.$"):
            load_settings({"CONFIG_PATH": url})


class TestWholeFile:
    def test_is_taken(self, whole: Settings) -> None:
        assert [each.name for each in whole.providers][-3:] == ["Library", "Own", "Claude-Like"]

    def test_goes_to_worker_processes(self, whole: Settings) -> None:
        assert pickle.loads(pickle.dumps(whole)) == whole

    def test_its_secrets_do_not_show(self, whole: Settings) -> None:
        assert "canary" not in repr(whole)
        assert "canary" not in "".join(whole.notices)

    def test_what_only_librechat_knows_is_told_in_one_line(self, whole: Settings) -> None:
        [told] = [notice for notice in whole.notices if "librechat.yaml: without effect" in notice]
        for key in (
            "mcpAppSandbox",
            "ocr",
            "endpoints.custom.titleMethod",
            "langfuse",
        ):
            assert f" {key}," in told
        assert not any("not a key" in notice for notice in whole.notices)

    def test_sets_what_agents_may_be(self, whole: Settings) -> None:
        assert whole.agents == AgentSettings(
            show_builder=False,
            providers=("azureOpenAI", "Library"),
            capabilities=("tools",),
            steps=50,
            most_steps=60,
            call_bytes=0,
            call_bytes_of={"create_file": 131_072, "note": 5},
            events=9,
        )

    def test_sets_who_may_register(self, whole: Settings) -> None:
        assert whole.allowed_domains == ("library.example", "school.example")

    def test_sets_limits_of_requests_and_leaves_the_others(self, whole: Settings) -> None:
        assert whole.rate_limits["upload_ip"] == RateLimit(11, 120, "address")
        assert whole.rate_limits["upload_user"] == RateLimit(12, 180, "account")
        assert whole.rate_limits["stt_ip"] == RateLimit(15, 60, "address")
        assert whole.rate_limits["stt_user"] == RateLimit(50, 30, "account")
        assert whole.rate_limits["login_ip"] == load_settings({}).rate_limits["login_ip"]

    def test_sets_limits_of_files(self, whole: Settings) -> None:
        assert whole.max_upload_bytes == 2 * 1024**2
        assert whole.file_rules["default"].media_types == ("^image/", "application/pdf")
        assert whole.file_rules["openAI"].media_types == ()
        assert whole.file_rules["Library"] == FileRules(3, 1572864, 4 * 1024**2, None)

    def test_sets_the_service_for_speech(self, whole: Settings) -> None:
        assert (whole.speech.api_key, whole.speech.model) == ("stt-canary", "whisper-large")
        assert whole.speech.url == "https://api.openai.com/v1/audio/transcriptions"

    def test_says_what_clients_show(self, whole: Settings) -> None:
        assert whole.client.interface["parameters"] is False
        assert whole.client.interface["agents"] is False
        assert whole.client.interface["termsOfService"]["modalContent"] == "Be kind.\n"
        assert set(whole.client.anyone) == {"privacyPolicy", "termsOfService"}
        assert whole.client.balance["startBalance"] == 5000

    def test_shows_model_specs_without_what_is_secret_or_hidden(self, whole: Settings) -> None:
        specs = whole.client.model_specs
        assert specs is not None
        [spec] = specs["list"]
        assert spec["preset"] == {"endpoint": "openAI", "model": "gpt-4o", "temperature": 0.2}
        assert len(whole.model_specs) == 2
        assert "fountain" in whole.model_specs[0]["preset"]["promptPrefix"]

    def test_sets_how_long_temporary_chats_are_kept(self, whole: Settings) -> None:
        assert whole.temporary_seconds == 24 * 3600

    def test_allows_private_addresses_to_users(self, whole: Settings) -> None:
        assert whole.provider_limits.allowed_addresses == ("10.0.0.5:11434",)

    def test_what_is_shown_is_not_expanded(self, whole: Settings) -> None:
        assert whole.client.interface["customWelcome"] == "Good morning, ${HOME}"


class TestErrors:
    def test_name_file_line_and_key_all_at_once(self, faults: Faults) -> None:
        found = faults(
            """
            registration: {allowedDomains: library.example}
            balance: {enabled: yes, refillIntervalUnit: fortnights}
            rateLimits:
              fileUploads: {ipMax: many, userMax: 0, ipWindowInMinutes: -1}
            fileConfig:
              endpoints:
                default: {supportedMimeTypes: ["("]}
            speech: {stt: {openai: {model: whisper}}}
            modelSpecs: {list: [{name: 5}]}
            interface: [1]
            endpoints:
              custom: [{name: x, models: {default: [{}]}}]
            """
        )
        assert found == [
            "librechat.yaml, line 3: registration.allowedDomains must be a list.",
            "librechat.yaml, line 4: balance.enabled must be true or false.",
            "librechat.yaml, line 4: balance.refillIntervalUnit must be one of seconds, minutes, hours, days, "
            "weeks, months.",
            "librechat.yaml, line 6: rateLimits.fileUploads.ipMax must be a whole number of 1 or more.",
            "librechat.yaml, line 6: rateLimits.fileUploads.ipWindowInMinutes must be a number of 0.02 or more.",
            "librechat.yaml, line 6: rateLimits.fileUploads.userMax must be a whole number of 1 or more.",
            "librechat.yaml, line 9: fileConfig.endpoints.default.supportedMimeTypes.0 is no regular expression.",
            "librechat.yaml, line 10: speech.stt.openai.apiKey is missing.",
            "librechat.yaml, line 11: modelSpecs.list.0.label is missing.",
            "librechat.yaml, line 11: modelSpecs.list.0.name must be text.",
            "librechat.yaml, line 11: modelSpecs.list.0.preset is missing.",
            "librechat.yaml, line 12: interface must hold keys with values.",
            "librechat.yaml, line 14: endpoints.custom.0.models.default.0.name is missing.",
        ]

    @pytest.mark.parametrize("hours", ["0.5", "8761", "true", "'24'"])
    def test_name_the_bounds_of_temporary_chats(self, faults: Faults, hours: str) -> None:
        found = faults(f"interface: {{temporaryChatRetention: {hours}}}")
        assert found == [
            "librechat.yaml, line 2: interface.temporaryChatRetention must be a number from 1 to 8760."
        ]

    def test_do_not_repeat_values(self, faults: Faults) -> None:
        text = "\n".join(
            faults("endpoints: {custom: [{name: x, apiKey: [[sk-canary]], headers: {X-A: {b: canary}}}]}")
        )
        assert "apiKey must be text" in text
        assert "canary" not in text

    def test_a_file_without_version_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "librechat.yaml"
        path.write_text("cache: true\n")
        with pytest.raises(SettingsError, match=r"^librechat\.yaml, line 1: version is missing\.$"):
            load_settings({}, config_file=path)

    @pytest.mark.parametrize("version", ["1.2", "1.3.5", '"1.3"', "1"])
    def test_a_version_may_look_like_a_number(self, version: str, tmp_path: Path) -> None:
        path = tmp_path / "librechat.yaml"
        path.write_text(f"version: {version}\n")
        assert load_settings({}, config_file=path).notices == ()

    def test_two_services_for_speech_are_one_too_many(self, faults: Faults) -> None:
        [fault] = faults(
            """
            speech:
              stt:
                openai: {apiKey: a, model: m}
                azureOpenAI: {apiKey: a, instanceName: i, deploymentName: d, apiVersion: v}
            """
        )
        assert fault == "librechat.yaml, line 4: speech.stt must name one service only."

    def test_names_of_model_specs_are_unique(self, faults: Faults) -> None:
        spec = "{name: a, label: A, preset: {endpoint: openAI}}"
        [fault] = faults(f"modelSpecs: {{list: [{spec}, {spec}]}}")
        assert fault == "librechat.yaml, line 2: modelSpecs.list.1.name stands in the list twice."


class TestWarnings:
    def test_unknown_keys_are_told_with_their_line(self, load: Load) -> None:
        notices = load("registration: {alowedDomains: [a]}\nendpoints:\n  openAI: {colour: red}\n").notices
        assert notices == (
            "librechat.yaml, line 2: registration.alowedDomains is not a key that is known here; "
            "did you mean allowedDomains?",
            "librechat.yaml, line 4: endpoints.openAI.colour is not a key that is known here.",
        )

    def test_many_unknown_keys_are_counted(self, load: Load) -> None:
        notices = load("registration:\n" + "".join(f"  odd{number}: 1\n" for number in range(1000))).notices
        assert len(notices) == 51
        assert notices[-1] == "librechat.yaml: 950 more keys are not known here."

    def test_ignored_keys_are_no_unknown_ones(self, load: Load) -> None:
        [notice] = load("langfuse: {}\nocr: {}\n").notices
        assert notice == "librechat.yaml: without effect in Echo: langfuse, ocr."

    def test_a_balance_needs_what_is_used_written_down(self, load: Load) -> None:
        settings = load("balance: {enabled: true}\ntransactions: {enabled: false}")
        assert settings.credits.counting is True
        [notice] = settings.notices
        assert notice.startswith("librechat.yaml, line 3: transactions.enabled has no effect")

    def test_a_balance_that_nobody_is_given_is_told(self, load: Load) -> None:
        [notice] = load("", CHECK_BALANCE="true").notices
        assert notice == "CHECK_BALANCE is set without START_BALANCE: who has no balance yet cannot chat."


class TestPrecedence:
    def test_of_limits_of_requests_is_the_files(self, load: Load) -> None:
        settings = load(
            "rateLimits: {fileUploads: {ipMax: 5}}", FILE_UPLOAD_IP_MAX="9", FILE_UPLOAD_USER_MAX="8"
        )
        assert settings.rate_limits["upload_ip"].limit == 5
        assert settings.rate_limits["upload_user"].limit == 8

    def test_of_sizes_is_the_smaller_one(self, load: Load) -> None:
        text = "fileConfig: {serverFileSizeLimit: 100}"
        assert load(text).max_upload_bytes == 100 * 1024**2
        assert load(text, ECHO_MAX_UPLOAD_BYTES="5000").max_upload_bytes == 5000
        assert load(text, ECHO_MAX_UPLOAD_BYTES=str(2**30)).max_upload_bytes == 100 * 1024**2

    def test_a_limit_of_nothing_lets_nothing_in(self, load: Load) -> None:
        assert load("fileConfig: {serverFileSizeLimit: 0}").max_upload_bytes == 1

    def test_of_temporary_chats_is_the_files(self, load: Load) -> None:
        text = "interface: {temporaryChatRetention: 1.5}"
        assert load(text, TEMP_CHAT_RETENTION_HOURS="3").temporary_seconds == 5400
        assert load("interface: {}", TEMP_CHAT_RETENTION_HOURS="3").temporary_seconds == 10_800

    def test_of_speech_is_the_files(self, load: Load) -> None:
        text = "speech: {stt: {openai: {url: http://stt.example/v1, apiKey: '${A}', model: m}}}"
        assert load(text, A="one", STT_API_KEY="two").speech.api_key == "one"
        unset = load(text, STT_API_KEY="two")
        assert unset.speech.api_key == "two"
        assert "names A, which is not set: the service is not used." in unset.notices[0]

    def test_of_a_balance_is_the_files(self, load: Load) -> None:
        assert load("", CHECK_BALANCE="true", START_BALANCE="7").client.balance == {
            "enabled": True,
            "startBalance": 7,
        }
        assert load("balance: {enabled: false}", CHECK_BALANCE="true").client.balance == {"enabled": False}


class TestCredits:
    REFILL = "refillIntervalValue: 2, refillIntervalUnit: weeks, refillAmount: 7"

    @pytest.mark.parametrize(
        ("text", "environ", "found"),
        [
            ("", {}, CreditSettings()),
            ("transactions: {enabled: false}", {}, CreditSettings(counting=False)),
            ("balance: {enabled: true}", {}, CreditSettings(True, True, 20000)),
            ("balance: {enabled: false, startBalance: 5}", {}, CreditSettings()),
            ("balance: {}", {"CHECK_BALANCE": "true", "START_BALANCE": "7"}, CreditSettings()),
            ("", {"CHECK_BALANCE": "true", "START_BALANCE": "7"}, CreditSettings(True, True, 7)),
            ("", {"CHECK_BALANCE": "true"}, CreditSettings(True, True, None)),
            ("", {"START_BALANCE": "7"}, CreditSettings()),
            (
                f"balance: {{enabled: true, startBalance: 1, autoRefillEnabled: true, {REFILL}}}",
                {},
                CreditSettings(
                    True,
                    True,
                    1,
                    {
                        "autoRefillEnabled": True,
                        "refillIntervalValue": 2,
                        "refillIntervalUnit": "weeks",
                        "refillAmount": 7,
                    },
                ),
            ),
        ],
    )
    def test_are_as_librechat_reads_them(
        self, load: Load, text: str, environ: dict[str, str], found: CreditSettings
    ) -> None:
        assert load(text, **environ).credits == found

    def test_of_an_endpoint_are_its_own_prices(self, whole: Settings) -> None:
        prices = {each.name: each.prices for each in whole.providers if each.prices}
        assert prices == {"Library": {"small-1": {"prompt": 1, "completion": 2, "context": 3}}}

    def test_of_every_kind_of_endpoint_can_be(self, load: Load) -> None:
        own = "tokenConfig: {m: {prompt: 1, completion: 2, context: 5, cacheRead: 0.1, cacheWrite: 3}}"
        settings = load(f"endpoints: {{openAI: {{{own}}}}}")
        [prices] = [each.prices for each in settings.providers if each.prices]
        assert prices == {
            "m": {"prompt": 1, "completion": 2, "context": 5, "cacheRead": 0.1, "cacheWrite": 3}
        }
        assert settings.notices == ()


class TestAzureSpeech:
    def test_is_asked_at_its_own_address_with_its_own_header(self, load: Load) -> None:
        speech = load(
            """
            speech:
              stt:
                azureOpenAI:
                  {apiKey: "${K}", instanceName: north, deploymentName: whisper, apiVersion: 2024-06-01}
            """,
            K="key",
        ).speech
        assert speech.azure
        assert speech.api_key == "key"
        assert speech.url == (
            "https://north.openai.azure.com/openai/deployments/whisper/audio/transcriptions"
            "?api-version=2024-06-01"
        )


class TestVoice:
    def test_is_an_endpoint_of_one_model(self, load: Load) -> None:
        assert load("").voice is None
        text = "speech: {tts: {openai: {url: 'http://tts.example/v1/audio/speech', apiKey: k, model: m}}}"
        voice = load(text).voice
        assert voice
        assert (voice.type, voice.models, voice.api_key) == ("custom", ("m",), "k")
        assert voice.base_url == "http://tts.example/v1"
        azure = "{apiKey: k, instanceName: north, deploymentName: d, apiVersion: 2024-06-01, model: tts}"
        voice = load(f"speech: {{tts: {{azureOpenAI: {azure}}}}}").voice
        assert voice
        assert (voice.type, voice.models) == ("azure", ("tts",))
        place = voice.deployments["tts"]
        assert place.base_url == "https://north.openai.azure.com/openai/deployments/d"
        assert (place.api_version, place.api_key) == ("2024-06-01", "k")

    def test_must_speak_by_openais_operation(self, faults: Faults) -> None:
        text = "speech: {tts: {openai: {url: 'http://tts.example/v1', apiKey: k, model: m}}}"
        [fault] = faults(text)
        assert fault.endswith("must be an http or https URL that ends with /audio/speech.")


class TestExpansion:
    def test_values_are_not_expanded_again(self, load: Load) -> None:
        text = "speech: {stt: {openai: {apiKey: '${A}', model: m}}}"
        assert load(text, A="${B}", B="deep").speech.api_key == "${B}"

    @pytest.mark.parametrize("name", ["JWT_SECRET", "MONGO_URI", "CREDS_KEY"])
    def test_secrets_of_the_server_itself_are_refused(self, name: str, faults: Faults) -> None:
        [fault] = faults(f"speech: {{stt: {{openai: {{apiKey: '${{{name}}}', model: m}}}}}}")
        assert fault.endswith(f"apiKey must not name {name}, which is a secret of the server itself.")

    def test_goes_by_the_given_environment_only(self, load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ECHO_TEST_ONLY", "from the process")
        assert os.environ["ECHO_TEST_ONLY"]
        text = "speech: {stt: {openai: {apiKey: '${ECHO_TEST_ONLY}', model: m}}}"
        assert load(text).speech.api_key is None
