from pathlib import Path
from typing import ClassVar

import pytest

from echo.settings import AzureDeployment, ConnectionLimits, ProviderSettings, SettingsError, load_settings
from echo.settings.env_file import read_env_file
from echo.settings.librechat import LIBRECHAT_VARIABLES
from echo.settings.load import read_settings
from echo.settings.reader import Reader

ROOT = Path(__file__).parents[2]
KEYS = {"JWT_SECRET": "k1Qw9xZe" * 5, "JWT_REFRESH_SECRET": "p7Lm3vTr" * 5}
URI = "mongodb://localhost/LibreChat"


def providers(**environ: str) -> dict[str, ProviderSettings]:
    return {each.name: each for each in load_settings(environ).providers}


class TestDefaults:
    def test_load_from_an_empty_environment(self) -> None:
        settings = load_settings({})
        assert (settings.host, settings.port, settings.workers >= 1) == ("127.0.0.1", 3080, True)
        assert settings.mongo_uri is None
        assert settings.jwt_secret is None
        assert settings.session_seconds == 900
        assert settings.refresh_seconds == 7 * 24 * 3600
        assert settings.rate_limits["login_ip"].limit == 7
        assert settings.rate_limits["login_ip"].window_seconds == 300
        assert settings.rate_limits_enabled

    def test_echos_own_api_answers_at_the_root(self) -> None:
        assert load_settings({}).root == "echo"
        assert load_settings({"ECHO_ROOT": "librechat"}).root == "librechat"
        with pytest.raises(SettingsError, match=r"^ECHO_ROOT must be one of echo, librechat\.$"):
            load_settings({"ECHO_ROOT": "node"})

    def test_a_web_client_is_what_is_installed_or_a_directory_or_none(self) -> None:
        assert load_settings({}).web_client is None
        assert load_settings({"ECHO_WEB_CLIENT": "off"}).web_client == "off"
        assert load_settings({"ECHO_WEB_CLIENT": "dist"}).web_client == str(Path("dist").absolute())

    def test_bundlers_are_addresses(self) -> None:
        environ = {"SANDPACK_BUNDLER_URL": "https://bundler.example:8443/x"}
        assert load_settings(environ).bundlers == {"bundlerURL": "https://bundler.example:8443/x"}
        for address in ("bundler.example", "https://a.example; script-src *", "https://*", "https://a b"):
            with pytest.raises(SettingsError, match=r"^SANDPACK_STATIC_BUNDLER_URL must be an address"):
                load_settings({"SANDPACK_STATIC_BUNDLER_URL": address})

    def test_clients_find_the_server_where_it_listens(self) -> None:
        settings = load_settings({"PORT": "4000", "DOMAIN_CLIENT": "http://localhost:3080"})
        assert (settings.domain_server, settings.domain_client) == (
            "http://localhost:4000",
            "http://localhost:3080",
        )

    def test_the_web_client_is_where_the_server_is(self) -> None:
        """Else links in mails, and the end of a login by another service, lead to `localhost`."""
        environ = {"DOMAIN_SERVER": "https://chat.example/"}
        assert load_settings(environ).domain_client == "https://chat.example/chat"
        assert load_settings({**environ, "ECHO_ROOT": "librechat"}).domain_client == "https://chat.example"

    def test_unset_and_empty_are_the_same(self) -> None:
        assert load_settings({"PORT": "", "APP_TITLE": " "}) == load_settings({})


class TestMisspeltNames:
    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("ECHO_WORKER", "ECHO_WORKERS"),
            ("ECHO_RATE_LIMIT", "ECHO_RATE_LIMITS"),
            ("ECHO_MAX_BODY_BYTE", "ECHO_MAX_BODY_BYTES"),
            ("ECHO_CORS_ORIGIN", "ECHO_CORS_ORIGINS"),
            ("echo_workers", "ECHO_WORKERS"),
            ("ECHOWORKERS", "ECHO_WORKERS"),
        ],
    )
    def test_are_told_with_what_was_meant(self, name: str, meant: str) -> None:
        expected = f"{name} is set, and is no setting of Echo's; did you mean {meant}?"
        assert load_settings({name: "5"}).notices == (expected,)

    def test_in_the_file_are_told_too(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("ECHO_WORKER=5\n")
        [notice] = load_settings({}, env_file=file).notices
        assert notice.endswith("did you mean ECHO_WORKERS?")

    def test_that_resemble_nothing_are_told(self) -> None:
        assert load_settings({"ECHO_QZX": "5"}).notices == ("ECHO_QZX is set, and is no setting of Echo's.",)

    @pytest.mark.parametrize(
        "name",
        [
            "ECHO_WORKERS",
            # Of the commands and of the compose file.
            "ECHO_API_KEY",
            "ECHO_DB_PASSWORD",
            "ECHO_PUBLISH",
            # Of Kubernetes, for a service that is called "echo" or "echo-api".
            "ECHO_SERVICE_HOST",
            "ECHO_SERVICE_PORT",
            "ECHO_SERVICE_PORT_HTTP",
            "ECHO_PORT",
            "ECHO_PORT_3080_TCP",
            "ECHO_PORT_3080_TCP_ADDR",
            "ECHO_API_SERVICE_HOST",
            "ECHO_API_PORT",
        ],
    )
    def test_of_others_are_none(self, name: str) -> None:
        assert load_settings({name: "5"}).notices == ()

    def test_that_are_empty_are_none(self) -> None:
        assert load_settings({"ECHO_WORKER": " "}).notices == ()

    def test_that_the_configuration_file_names_are_none(self, tmp_path: Path) -> None:
        file = tmp_path / "librechat.yaml"
        file.write_text(
            "version: 1.3.5\nendpoints:\n  custom:\n    - name: Mine\n      apiKey: ${ECHO_MINE}\n"
            "      baseURL: https://models.example/v1\n      models: {default: [m]}\n"
        )
        assert load_settings({"ECHO_MINE": "sk-x"}, config_file=file).notices == ()


class TestConnections:
    def test_have_limits_by_default(self) -> None:
        assert load_settings({}).connections == ConnectionLimits(
            url_bytes=32_768,
            header_bytes=32_768,
            headers=100,
            header_seconds=20,
            body_seconds=60,
            body_rate=1000,
            pause_seconds=30,
            reading_seconds=120,
            idle_seconds=5,
            connections=2000,
            per_address=200,
        )

    def test_of_one_address_have_none_behind_a_proxy_whose_address_all_have(self) -> None:
        limits = load_settings({"TRUST_PROXY": "1", "ECHO_MAX_CONNECTIONS_PER_ADDRESS": "5"}).connections
        assert limits.per_address is None
        assert load_settings({"ECHO_MAX_CONNECTIONS_PER_ADDRESS": "5"}).connections.per_address == 5


class TestExampleFile:
    def test_names_every_setting_and_no_other(self) -> None:
        reader = Reader({})
        read_settings(reader)
        assert set(read_env_file(ROOT / ".env.example")) == set(reader.known)

    def test_states_the_defaults(self) -> None:
        example = read_env_file(ROOT / ".env.example")
        assert load_settings(example) == load_settings({})

    def test_is_explained_in_the_docs(self) -> None:
        text = (ROOT / "docs" / "settings.md").read_text()
        missing = [name for name in read_env_file(ROOT / ".env.example") if f"`{name}`" not in text]
        assert missing == []


class TestEnvFile:
    def test_is_read_for_what_the_environment_does_not_set(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text("PORT=4000\nAPP_TITLE='From ${HOME}'\n")
        settings = load_settings({"PORT": "5000"}, env_file=file)
        assert (settings.port, settings.app_title) == (5000, "From ${HOME}")

    def test_need_not_be_there(self, tmp_path: Path) -> None:
        assert load_settings({}, env_file=tmp_path / ".env") == load_settings({})

    def test_of_which_a_quotation_mark_is_left_open_loses_no_setting_in_silence(self, tmp_path: Path) -> None:
        file = tmp_path / ".env"
        file.write_text('APP_TITLE="Our Echo\nPORT=4000\n')
        settings = load_settings({}, env_file=file)
        assert (settings.port, settings.app_title) == (4000, '"Our Echo')
        assert [each for each in settings.notices if "quotation mark" in each and "APP_TITLE" in each]
        assert not [each for each in settings.notices if "Our Echo" in each]
        file.write_text('MONGO_URI="mongodb://db/LibreChat\n')
        with pytest.raises(SettingsError, match="MONGO_URI must begin with mongodb://"):
            load_settings({}, env_file=file)


class TestTimes:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("900000", 900),
            ("1000 * 60 * 15", 900),
            ("(1000 * 60 * 60 * 24) * 7", 604800),
            ("1000*60 + 500*2", 61),
            ("60000 / 2", 30),
        ],
    )
    def test_are_arithmetic_in_milliseconds(self, value: str, seconds: int) -> None:
        assert load_settings({"SESSION_EXPIRY": value}).session_seconds == seconds

    @pytest.mark.parametrize(
        "value",
        [
            "soon",
            "1000 * x",
            "__import__('os')",
            "9**9**9",
            "1/0",
            "0",
            "-5000",
            "1000,",
            "'a'*9",
            "(" * 300,
            "1e400",
        ],
    )
    def test_that_are_none_are_refused(self, value: str) -> None:
        with pytest.raises(SettingsError, match="SESSION_EXPIRY"):
            load_settings({"SESSION_EXPIRY": value})


class TestBadValues:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("PORT", "many"),
            ("PORT", "70000"),
            ("ECHO_WORKERS", "0"),
            ("ALLOW_REGISTRATION", "perhaps"),
            ("MIN_PASSWORD_LENGTH", "3"),
            ("LOGIN_MAX", "0"),
            ("TEMP_CHAT_RETENTION_HOURS", "0"),
            ("TEMP_CHAT_RETENTION_HOURS", "8761"),
            ("ECHO_RATE_LIMITS", "maybe"),
            ("ECHO_LOG_LEVEL", "loud"),
            ("ECHO_STT", "cloud"),
            ("DOMAIN_SERVER", "example.com"),
            ("MONGO_URI", "postgres://x"),
            ("ECHO_STT_URL", "ftp://x"),
            ("ECHO_PROVIDER_FIRST_SECONDS", "0"),
            ("ECHO_PROVIDER_ATTEMPTS", "many"),
            ("ECHO_ALLOWED_ADDRESSES", "localhost"),
            ("ECHO_ALLOWED_ADDRESSES", "http://localhost:80"),
            ("ECHO_ALLOWED_ADDRESSES", "10.0.0.0/8:80"),
            ("ECHO_ALLOWED_ADDRESSES", "::1:80"),
            ("OPENAI_REVERSE_PROXY", "proxy.example/v1"),
            ("ANTHROPIC_REVERSE_PROXY", "https://user:pass@proxy.example"),
            ("LIMIT_MESSAGE_IP", "perhaps"),
            ("START_BALANCE", "-1"),
            ("CONFIG_PATH", "https://config.example/librechat.yaml"),
        ],
    )
    def test_are_named_in_one_sentence(self, name: str, value: str) -> None:
        with pytest.raises(SettingsError) as refused:
            load_settings({name: value})
        text = str(refused.value)
        assert text.startswith(f"{name} ")
        assert text.endswith(".")
        assert "\n" not in text


class TestThreads:
    @pytest.mark.parametrize(
        ("uri", "threads"),
        [
            ("mongodb://127.0.0.1:27017/x", 2),
            ("mongodb://u:p%40q@localhost,127.0.0.1:3/x?w=1", 2),
            ("mongodb://%2Ftmp%2Fmongodb.sock/x", 2),
            ("mongodb://db.example.com/x", 8),
            ("mongodb://localhost,db.example.com/x", 8),
            ("mongodb+srv://localhost.example.com/x", 8),
            ("mongodb://[::1]:27017", 2),
            ("mongodb://[::1", 8),
        ],
    )
    def test_are_more_for_a_database_that_is_far_away(self, uri: str, threads: int) -> None:
        assert load_settings({"MONGO_URI": uri, **KEYS}).threads == threads

    def test_are_few_for_the_embedded_one_unless_set(self) -> None:
        assert load_settings({}).threads == 2
        assert load_settings({"ECHO_THREADS": "5"}).threads == 5


class TestKeys:
    def test_are_needed_with_a_database_of_ones_own(self) -> None:
        with pytest.raises(SettingsError, match="JWT_SECRET must be set"):
            load_settings({"MONGO_URI": URI})
        with pytest.raises(SettingsError, match="JWT_REFRESH_SECRET must be set"):
            load_settings({"MONGO_URI": URI, "JWT_SECRET": KEYS["JWT_SECRET"]})
        assert load_settings({"MONGO_URI": URI, **KEYS}).jwt_secret == KEYS["JWT_SECRET"]

    @pytest.mark.parametrize(
        "key",
        [
            "short",
            "x" * 31,
            "a" * 64,
            "abababababababababababababababababababab",
            "changeme-changeme-changeme-changeme-1234",
            # In LibreChat's example configuration.
            "16f8c0ef4a5d391b26034086c628469d3f9f497f08163ab9b40137092f2909ef",
            "EAA5191F2914E30B9387FD84E254E4BA6FC51B4654968A9B0803B456A54B8418",
        ],
    )
    def test_that_are_weak_are_refused_and_not_repeated(self, key: str) -> None:
        with pytest.raises(SettingsError) as refused:
            load_settings({**KEYS, "JWT_SECRET": key})
        assert "JWT_SECRET" in str(refused.value)
        assert key not in str(refused.value)

    def test_must_differ(self) -> None:
        with pytest.raises(SettingsError, match="must not equal"):
            load_settings({**KEYS, "JWT_REFRESH_SECRET": KEYS["JWT_SECRET"]})

    def test_do_not_show(self) -> None:
        environ = {
            **KEYS,
            "MONGO_URI": "mongodb://u:pass-canary@h/x",
            "OPENAI_API_KEY": "sk-canary",
            "STT_API_KEY": "canary",
        }
        text = repr(load_settings(environ))
        assert "canary" not in text
        assert KEYS["JWT_SECRET"] not in text


class TestProviders:
    def test_may_be_at_allowed_addresses(self) -> None:
        settings = load_settings({"ECHO_ALLOWED_ADDRESSES": "localhost:11434, [::1]:80"})
        assert settings.provider_limits.allowed_addresses == ("localhost:11434", "[::1]:80")

    def test_are_available_with_a_key(self) -> None:
        found = providers(OPENAI_API_KEY="sk-x", ANTHROPIC_API_KEY="user_provided")
        assert found["openAI"].available
        assert not found["anthropic"].available
        assert not found["google"].available

    @pytest.mark.parametrize("name", ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_KEY"])
    def test_may_have_several_keys(self, name: str) -> None:
        [found] = [each for each in providers(**{name: " k-1, k-2,,k-1 "}).values() if each.available]
        assert found.api_keys == ("k-1", "k-2")

    def test_have_one_key_where_a_comma_may_be_part_of_it(self) -> None:
        assert providers(AZURE_API_KEY="a,b")["azureOpenAI"].api_keys == ("a,b",)
        assert providers(GOOGLE_KEY='{"a": 1, "b": 2}')["google"].api_keys == ('{"a": 1, "b": 2}',)
        assert providers(OPENAI_API_KEY=" , ")["openAI"].api_keys == ()

    def test_of_users_are_not_among_the_servers(self) -> None:
        with pytest.raises(SettingsError, match="OPENAI_API_KEY must hold keys, or user_provided alone"):
            providers(OPENAI_API_KEY="sk-1,user_provided")

    def test_may_leave_key_and_address_to_users(self) -> None:
        found = providers(OPENAI_API_KEY="user_provided", OPENAI_REVERSE_PROXY="user_provided")["openAI"]
        assert (found.user_provides_key, found.user_provides_url, found.api_key) == (True, True, None)
        assert found.base_url == "https://api.openai.com/v1"
        assert not providers(OPENAI_API_KEY="sk-x")["openAI"].user_provides_key

    def test_models_can_be_listed(self) -> None:
        assert providers(OPENAI_MODELS="one, two ,,three")["openAI"].models == ("one", "two", "three")

    def test_that_list_their_models_are_asked_unless_models_are_named(self) -> None:
        def asked(**environ: str) -> list[str]:
            return [name for name, each in providers(**environ).items() if each.fetch_models]

        keys = {"OPENAI_API_KEY": "x", "ANTHROPIC_API_KEY": "x", "GOOGLE_KEY": "x", "ASSISTANTS_API_KEY": "x"}
        assert asked(**keys) == ["openAI", "anthropic"]
        assert asked(**keys, OPENAI_MODELS="one") == ["anthropic"]
        assert asked() == []
        assert asked(OPENAI_API_KEY="user_provided") == []

    def test_endpoints_are_restricted_and_ordered(self) -> None:
        settings = load_settings(
            {"ENDPOINTS": "google, openAI, gptPlugins, agents, google", "ECHO_OFFLINE_MODEL": "off"}
        )
        assert [each.name for each in settings.providers] == ["google", "openAI"]

    @pytest.mark.parametrize(
        ("variable", "name", "address", "base"),
        [
            ("OPENAI_REVERSE_PROXY", "openAI", "https://p.example/v1/", "https://p.example/v1"),
            (
                "OPENAI_REVERSE_PROXY",
                "openAI",
                "https://p.example/v1/chat/completions",
                "https://p.example/v1",
            ),
            ("OPENAI_REVERSE_PROXY", "openAI", "http://p.example/api/completions", "http://p.example/api"),
            ("ASSISTANTS_BASE_URL", "assistants", "https://p.example/v1/assistants", "https://p.example/v1"),
            ("ANTHROPIC_REVERSE_PROXY", "anthropic", "https://p.example/v1/messages", "https://p.example"),
            ("ANTHROPIC_REVERSE_PROXY", "anthropic", "https://p.example/v1", "https://p.example"),
            ("ANTHROPIC_REVERSE_PROXY", "anthropic", "https://p.example/claude/", "https://p.example/claude"),
            ("GOOGLE_REVERSE_PROXY", "google", "https://p.example/v1beta/models", "https://p.example"),
            ("GOOGLE_REVERSE_PROXY", "google", "https://p.example", "https://p.example"),
        ],
    )
    def test_an_address_of_an_operation_is_one_of_its_base(
        self, variable: str, name: str, address: str, base: str
    ) -> None:
        assert providers(**{variable: address})[name].base_url == base

    def test_an_organization_goes_to_openai(self) -> None:
        found = providers(OPENAI_ORGANIZATION="org-1")
        assert found["openAI"].headers == {"OpenAI-Organization": "org-1"}
        assert found["google"].headers == {}


class TestAzure:
    ENVIRON: ClassVar = {"AZURE_API_KEY": "k", "AZURE_OPENAI_MODELS": "gpt-4.1,gpt-4o"}

    def test_deployments_are_called_as_the_models_without_dots(self) -> None:
        found = providers(**self.ENVIRON, AZURE_OPENAI_API_INSTANCE_NAME="north")["azureOpenAI"]
        base = "https://north.openai.azure.com/openai/deployments"
        assert found.deployments == {
            "gpt-4.1": AzureDeployment(f"{base}/gpt-41", "2024-10-21", "k"),
            "gpt-4o": AzureDeployment(f"{base}/gpt-4o", "2024-10-21", "k"),
        }

    def test_or_all_models_are_one_deployment(self) -> None:
        found = providers(
            **self.ENVIRON,
            AZURE_OPENAI_BASEURL="https://gate.example/${INSTANCE_NAME}/${DEPLOYMENT_NAME}",
            AZURE_OPENAI_API_INSTANCE_NAME="north",
            AZURE_OPENAI_API_DEPLOYMENT_NAME="common",
            AZURE_OPENAI_API_VERSION="2025-01-01",
        )["azureOpenAI"]
        expected = AzureDeployment("https://gate.example/north/common", "2025-01-01", "k")
        assert found.deployments == {"gpt-4.1": expected, "gpt-4o": expected}

    def test_one_switch_decides_between_the_two(self) -> None:
        found = providers(
            **self.ENVIRON,
            AZURE_OPENAI_API_INSTANCE_NAME="north.cognitiveservices.azure.com",
            AZURE_OPENAI_API_DEPLOYMENT_NAME="common",
            AZURE_USE_MODEL_AS_DEPLOYMENT_NAME="TRUE",
        )["azureOpenAI"]
        assert found.deployments["gpt-4o"].base_url == (
            "https://north.cognitiveservices.azure.com/openai/deployments/gpt-4o"
        )

    def test_a_default_model_is_the_only_one_where_none_are_named(self) -> None:
        assert providers(AZURE_OPENAI_DEFAULT_MODEL="one")["azureOpenAI"].models == ("one",)

    def test_a_key_without_a_place_is_told(self) -> None:
        [notice] = load_settings(self.ENVIRON).notices
        assert notice.startswith("AZURE_API_KEY is set without AZURE_OPENAI_API_INSTANCE_NAME")

    def test_users_may_bring_the_key(self) -> None:
        found = providers(AZURE_API_KEY="user_provided", AZURE_OPENAI_API_INSTANCE_NAME="north")[
            "azureOpenAI"
        ]
        assert (found.user_provides_key, found.available, len(found.deployments)) == (True, False, 3)


class TestLibreChatsNames:
    def test_that_have_no_effect_are_told_in_one_line(self) -> None:
        environ = {
            "MEILI_HOST": "http://meili:7700",
            "PORT": "3080",
            "GROQ_API_KEY": "x",
            "SOMETHING": "else",
            "UID": "1",
        }
        assert load_settings(environ).notices == (
            "Set, and without effect in Echo: GROQ_API_KEY, MEILI_HOST.",
        )

    def test_that_are_empty_are_not(self) -> None:
        assert load_settings({"MEILI_HOST": "", "REDIS_URI": " "}).notices == ()

    def test_include_every_name_of_ours_without_a_prefix_but_new_ones(self) -> None:
        ours = {
            name for name in read_env_file(ROOT / ".env.example") if not name.startswith(("ECHO_", "OTEL_"))
        }
        # Node's own.
        assert ours - LIBRECHAT_VARIABLES == {"NODE_EXTRA_CA_CERTS"}

    def test_switch_what_is_logged(self) -> None:
        settings = load_settings({"DEBUG_CONSOLE": "true", "CONSOLE_JSON": "true"})
        assert (settings.log_level, settings.log_format) == ("debug", "json")
        ours = load_settings({"DEBUG_CONSOLE": "true", "ECHO_LOG_LEVEL": "error"})
        assert ours.log_level == "error"

    def test_switch_limits_of_messages_off(self) -> None:
        assert {"message_ip", "message_user"} <= set(load_settings({}).rate_limits)
        limits = load_settings({"LIMIT_MESSAGE_IP": "false", "LIMIT_MESSAGE_USER": "false"}).rate_limits
        assert not {"message_ip", "message_user"} & set(limits)
        assert "upload_ip" in limits


class TestCredentialsKeys:
    GOOD: ClassVar[dict[str, str]] = {"CREDS_KEY": "C0" * 32, "CREDS_IV": "d1" * 16}

    def test_are_read_in_hexadecimal(self) -> None:
        settings = load_settings(self.GOOD)
        assert (settings.creds_key, settings.creds_iv) == ("c0" * 32, "d1" * 16)
        assert "c0c0" not in repr(settings)

    def test_are_not_needed_with_a_database_of_ones_own(self) -> None:
        settings = load_settings({"MONGO_URI": URI, **KEYS})
        assert (settings.creds_key, settings.creds_iv) == (None, None)

    @pytest.mark.parametrize(
        ("change", "named"),
        [
            ({"CREDS_KEY": "c0" * 16}, "CREDS_KEY"),
            ({"CREDS_KEY": "zz" * 32}, "CREDS_KEY"),
            ({"CREDS_IV": "d1" * 32}, "CREDS_IV"),
            ({"CREDS_IV": ""}, "CREDS_IV"),
            ({"CREDS_KEY": ""}, "CREDS_KEY"),
            ({"CREDS_KEY": "f34be427ebb29de8d88c107a71546019685ed8b241d8f2ed00c3df97ad2566f0"}, "CREDS_KEY"),
            ({"CREDS_IV": "E2341419EC3DD3D19B13A1A87FAFCBFB"}, "CREDS_IV"),
        ],
    )
    def test_that_are_unfit_stop_the_start(self, change: dict[str, str], named: str) -> None:
        environ = self.GOOD | change
        with pytest.raises(SettingsError, match=named) as refused:
            load_settings(environ)
        assert not [value for value in environ.values() if value and value in str(refused.value)]
