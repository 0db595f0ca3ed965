"""The section `endpoints` of `librechat.yaml`."""

from collections.abc import Callable, Mapping

import pytest

from echo.settings import AzureDeployment, ProviderSettings, Settings
from echo.settings.endpoints import HeaderTemplate
from tests.settings.conftest import Load

Faults = Callable[..., list[str]]
CUSTOM = "name: Own, apiKey: '${KEY}', baseURL: https://own.example/v1, models: {default: [m]}"


def by_name(settings: Settings) -> Mapping[str, ProviderSettings]:
    return {each.name: each for each in settings.providers}


def custom(load: Load, more: str = "", **environ: str) -> ProviderSettings:
    text = f"endpoints: {{custom: [{{{CUSTOM}{more}}}]}}"
    return by_name(load(text, **{"KEY": "sk-own", **environ}))["Own"]


class TestCustom:
    def test_has_what_the_file_says(self, load: Load) -> None:
        found = custom(
            load,
            ", titleConvo: false, titleModel: t, modelDisplayLabel: L, iconURL: i, dropParams: [stop], "
            "addParams: {a: {b: 1}}, headers: {X-A: 'v ${KEY}'}",
        )
        assert found == ProviderSettings(
            name="Own",
            type="custom",
            custom=True,
            models=("m",),
            api_key="sk-own",
            base_url="https://own.example/v1",
            title_model="t",
            title_conversations=False,
            headers={"X-A": "v sk-own"},
            model_display_label="L",
            icon_url="i",
            drop_parameters=("stop",),
            add_parameters={"a": {"b": 1}},
        )

    @pytest.mark.parametrize(
        ("address", "base"),
        [
            ("https://own.example/v1/", "https://own.example/v1"),
            ("https://own.example/v1/chat/completions", "https://own.example/v1"),
            ("http://localhost:11434/v1", "http://localhost:11434/v1"),
            ("https://gateway.example/openai/models", "https://gateway.example/openai"),
            ("${HOST_URL}/v1", "https://there.example/v1"),
        ],
    )
    def test_address_becomes_a_base(self, address: str, base: str, load: Load) -> None:
        text = (
            f"endpoints: {{custom: [{{name: O, apiKey: k, baseURL: '{address}', models: {{default: [m]}}}}]}}"
        )
        assert by_name(load(text, HOST_URL="https://there.example"))["O"].base_url == base

    def test_of_anthropics_protocol_is_of_that_type(self, load: Load) -> None:
        found = custom(load, ", provider: anthropic")
        assert (found.type, found.custom, found.base_url) == ("anthropic", True, "https://own.example")

    def test_may_leave_key_and_address_to_users(self, load: Load) -> None:
        text = """
            endpoints:
              custom:
                - {name: Own, apiKey: user_provided, baseURL: "${BASE}", models: {default: [m], fetch: true}}
        """
        found = by_name(load(text, BASE="user_provided"))["Own"]
        assert (found.user_provides_key, found.user_provides_url) == (True, True)
        assert (found.api_key, found.base_url, found.available) == (None, None, False)
        assert found.fetch_models

    def test_may_have_several_keys(self, load: Load) -> None:
        text = """
            endpoints:
              custom:
                - name: Own
                  apiKey: [k-1, "${SECOND}", k-1, "${MISSING}", " k-3 "]
                  baseURL: https://own.example/v1
                  models: {default: [m]}
        """
        settings = load(text, SECOND="k-2")
        found = by_name(settings)["Own"]
        assert (found.api_key, found.further_keys) == ("k-1", ("k-2", "k-3"))
        assert found.api_keys == ("k-1", "k-2", "k-3")
        assert "k-2" not in repr(found)
        [notice] = settings.notices
        assert notice.endswith("apiKey.3 names MISSING, which is not set: the key is left out.")

    @pytest.mark.parametrize(
        ("left", "why"),
        [
            ("{name: X, apiKey: [], baseURL: 'https://x', models: {default: [m]}}", "lacks apiKey"),
            ("{name: X, apiKey: ['', ' '], baseURL: 'https://x', models: {default: [m]}}", "lacks apiKey"),
            ("{apiKey: k, baseURL: 'https://x', models: {default: [m]}}", "lacks name"),
            ("{name: X, baseURL: 'https://x', models: {default: [m]}}", "lacks apiKey"),
            ("{name: X, apiKey: k, models: {default: [m]}}", "lacks baseURL"),
            ("{name: X, apiKey: '', baseURL: 'https://x', models: {default: [m]}}", "lacks apiKey"),
            ("{name: X, apiKey: k, baseURL: 'https://x'}", "lacks models"),
            (
                "{name: X, apiKey: '${NO}', baseURL: 'https://x', models: {default: [m]}}",
                "names NO, which is not set",
            ),
            (
                "{name: X, apiKey: k, baseURL: '${NO}/v1', models: {default: [m]}}",
                "names NO, which is not set",
            ),
        ],
    )
    def test_that_is_incomplete_is_left_out_with_a_warning(self, left: str, why: str, load: Load) -> None:
        settings = load(f"endpoints:\n  custom:\n    - {left}\n    - {{{CUSTOM}}}\n", KEY="k")
        assert [each.name for each in settings.providers if each.custom] == ["Own"]
        [notice] = settings.notices
        assert notice.startswith("librechat.yaml, line 4: endpoints.custom.0")
        assert why in notice
        assert notice.endswith("the endpoint is left out.")

    @pytest.mark.parametrize(
        ("more", "fault"),
        [
            ("name: openAI", "name must not be the name of an endpoint that LibreChat has itself."),
            ("name: agents", "name must not be the name of an endpoint that LibreChat has itself."),
            ("name: Own", "name stands in the list twice."),
            ("name: N, baseURL: own.example", "baseURL must be an http or https URL."),
            ("name: N, baseURL: 'ftp://own.example'", "baseURL must be an http or https URL."),
            ("name: N, baseURL: 'https://u:p@own.example'", "baseURL must be an http or https URL."),
            ("name: N, apiKey: [k, user_provided]", "apiKey must be a list of keys, or user_provided alone."),
            ("name: N, apiKey: [5]", "apiKey must be text, or a list of texts."),
            ("name: N, provider: google", "provider must be one of anthropic."),
            ("name: N, headers: {'X A': b}", "headers.X A is no name of a header."),
            ('name: N, headers: {X-A: "b\\r\\nc: d"}', "headers.X-A must be one line of ASCII."),
            ("name: N, headers: {X-A: '${JWT_SECRET}'}", "secret of the server itself."),
            ("name: N, headers: {X-A: 5}", "headers.X-A must be text."),
        ],
    )
    def test_that_is_wrong_is_refused(self, more: str, fault: str, faults: Faults) -> None:
        defaults = {"apiKey": "k", "baseURL": "'https://x.example'", "models": "{default: [m]}"}
        rest = "".join(f", {name}: {value}" for name, value in defaults.items() if name not in more)
        [found] = faults(f"endpoints:\n  custom:\n    - {{{CUSTOM}}}\n    - {{{more}{rest}}}\n", KEY="k")
        assert found.startswith("librechat.yaml, line 5: endpoints.custom.1.")
        assert found.endswith(fault)

    def test_ollama_has_the_name_that_librechat_stores(self, load: Load) -> None:
        text = "endpoints: {custom: [{name: Ollama, apiKey: k, baseURL: 'http://o:1/v1', models: {default: [m]}}]}"
        assert "ollama" in by_name(load(text))

    def test_stands_where_endpoints_says(self, load: Load) -> None:
        text = f"endpoints: {{custom: [{{{CUSTOM}}}]}}"
        order = [each.name for each in load(text, KEY="k", ENDPOINTS="google, custom, openAI").providers]
        assert order == ["google", "Own", "openAI"]
        assert [each.name for each in load(text, KEY="k", ENDPOINTS="google").providers] == ["google", "Own"]


class TestHeaders:
    def test_with_placeholders_wait_for_a_request(self, load: Load) -> None:
        text = "{X-U: 'u={{LIBRECHAT_USER_ID}} ${KEY}', X-C: '{{LIBRECHAT_BODY_CONVERSATIONID}}', X-B: b}"
        found = by_name(load(f"endpoints: {{custom: [{{{CUSTOM}, headers: {text}}}]}}", KEY="k"))["Own"]
        assert found.headers == {"X-B": "b"}
        assert found.personal_headers == {
            "X-U": HeaderTemplate(("u=", " k"), ("LIBRECHAT_USER_ID",)),
            "X-C": HeaderTemplate(("", ""), ("LIBRECHAT_BODY_CONVERSATIONID",)),
        }
        assert found.is_personal
        assert " k" not in repr(found.personal_headers["X-U"])

    @pytest.mark.parametrize(
        "name",
        [
            *(
                "LIBRECHAT_USER_PASSWORD",
                "LIBRECHAT_USER_TOTPSECRET",
                "LIBRECHAT_USER_BACKUPCODES",
                "JWT_SECRET",
            ),
            *(
                "LIBRECHAT_OPENID_TOKEN",
                "LIBRECHAT_BODY_TEXT",
                "librechat_user_id",
                " LIBRECHAT_USER_ID ",
                "",
            ),
        ],
    )
    def test_with_other_placeholders_are_not_sent(self, load: Load, name: str) -> None:
        text = f"{{X-U: 'a {{{{LIBRECHAT_USER_ID}}}} {{{{{name}}}}}', X-B: b}}"
        settings = load(f"endpoints: {{custom: [{{{CUSTOM}, headers: {text}}}]}}", KEY="k")
        found = by_name(settings)["Own"]
        assert (found.headers, found.personal_headers) == ({"X-B": "b"}, {})
        assert "endpoints.custom.0.headers.X-U holds a placeholder" in settings.notices[0]

    def test_a_variables_value_is_no_placeholder(self, load: Load) -> None:
        text = f"endpoints: {{custom: [{{{CUSTOM}, headers: {{X-U: '${{V}}{{{{LIBRECHAT_USER_ID}}}}'}}}}]}}"
        found = by_name(load(text, KEY="k", V="{{LIBRECHAT_USER_EMAIL}}"))["Own"]
        assert found.personal_headers["X-U"].texts == ("{{LIBRECHAT_USER_EMAIL}}", "")

    @pytest.mark.parametrize("value", ['"a\\r\\n{{LIBRECHAT_USER_ID}}"', "'ü{{LIBRECHAT_USER_ID}}'"])
    def test_with_placeholders_are_one_line_too(self, faults: Faults, value: str) -> None:
        text = f"endpoints:\n  custom:\n    - {{{CUSTOM}, headers: {{X-U: {value}}}}}\n"
        assert faults(text, KEY="k")[0].endswith("headers.X-U must be one line of ASCII.")

    def test_the_servers_secrets_cannot_stand_beside_a_placeholder(self, faults: Faults) -> None:
        text = "X-U: '${JWT_SECRET}{{LIBRECHAT_USER_ID}}'"
        text = f"endpoints:\n  custom:\n    - {{{CUSTOM}, headers: {{{text}}}}}\n"
        assert faults(text, KEY="k")[0].endswith("secret of the server itself.")

    def test_own_ones_win_whichever_has_placeholders(self, load: Load) -> None:
        user = "'{{LIBRECHAT_USER_ID}}'"
        found = by_name(
            load(
                f"""
                endpoints:
                  all: {{headers: {{X-A: all, X-B: {user}}}}}
                  custom: [{{{CUSTOM}, headers: {{X-A: {user}, X-B: own}}}}]
                """,
                KEY="k",
            )
        )
        assert (found["Own"].headers, list(found["Own"].personal_headers)) == ({"X-B": "own"}, ["X-A"])
        assert (found["google"].headers, list(found["google"].personal_headers)) == ({"X-A": "all"}, ["X-B"])

    def test_with_unset_variables_are_not_sent(self, load: Load) -> None:
        settings = load(f"endpoints: {{custom: [{{{CUSTOM}, headers: {{X-U: 'a ${{NO}}'}}}}]}}", KEY="k")
        assert by_name(settings)["Own"].headers == {}
        assert settings.notices[0].endswith("X-U names NO, which is not set: the header is not sent.")

    def test_of_all_endpoints_give_way_to_an_endpoints_own(self, load: Load) -> None:
        found = by_name(
            load(
                f"""
                endpoints:
                  all: {{headers: {{X-A: all, X-B: all}}}}
                  google: {{headers: {{X-B: own}}}}
                  custom: [{{{CUSTOM}, headers: {{X-A: own}}}}]
                """,
                KEY="k",
                OPENAI_ORGANIZATION="org-1",
            )
        )
        assert found["google"].headers == {"X-A": "all", "X-B": "own"}
        assert found["Own"].headers == {"X-A": "own", "X-B": "all"}
        assert found["openAI"].headers == {"OpenAI-Organization": "org-1", "X-A": "all", "X-B": "all"}


class TestBuiltIn:
    def test_titles_go_by_what_is_said_of_all_first(self, load: Load) -> None:
        found = by_name(
            load(
                f"""
                endpoints:
                  all: {{titleModel: common, titleConvo: false}}
                  openAI: {{titleModel: own, titleConvo: true}}
                  custom: [{{{CUSTOM}, titleModel: own}}]
                """,
                KEY="k",
            )
        )
        assert {each.title_model for each in found.values()} == {"common"}
        assert {each.title_conversations for each in found.values()} == {False}

    def test_the_file_comes_before_the_environment(self, load: Load) -> None:
        found = by_name(
            load(
                """
                endpoints:
                  openAI: {titleModel: file, baseURL: "https://file.example/v1"}
                  anthropic: {models: [one]}
                  assistants: {apiKey: "${A}", models: {default: [{name: two}], fetch: true}}
                """,
                OPENAI_TITLE_MODEL="environment",
                OPENAI_REVERSE_PROXY="https://environment.example",
                ANTHROPIC_MODELS="other",
                ANTHROPIC_API_KEY="k",
                ASSISTANTS_API_KEY="user_provided",
                A="sk-a",
            )
        )
        assert (found["openAI"].title_model, found["openAI"].base_url) == ("file", "https://file.example/v1")
        assert (found["anthropic"].models, found["anthropic"].fetch_models) == (("one",), False)
        assert (found["assistants"].api_key, found["assistants"].user_provides_key) == ("sk-a", False)
        assert (found["assistants"].models, found["assistants"].fetch_models) == (("two",), True)

    def test_an_address_for_users_is_refused_where_it_is_no_host_and_port(self, faults: Faults) -> None:
        [fault] = faults("endpoints: {allowedAddresses: ['a:1', 'https://b:2']}")
        assert fault == "librechat.yaml, line 2: endpoints.allowedAddresses.1 must be host:port."


class TestAzure:
    GROUPS = """
        endpoints:
          azureOpenAI:
            groups:
              - group: north
                apiKey: ${NORTH}
                instanceName: north
                deploymentName: common
                version: 2025-01-01
                additionalHeaders: {X-N: n}
                models: {a: true, b: {deploymentName: own-b, version: "2025-02-02"}, a.1: {deploymentName: d}}
              - group: gateway
                apiKey: g
                instanceName: in.example
                baseURL: https://gate.example/${INSTANCE_NAME}/${STAGE}/${DEPLOYMENT_NAME}/
                deploymentName: gd
                version: 2025-03-03
                models: {c: true}
              - group: open
                apiKey: user_provided
                serverless: true
                baseURL: https://open.example/models
                models: {d: true}
    """

    def test_groups_become_deployments(self, load: Load) -> None:
        azure = by_name(load(self.GROUPS, NORTH="n-key", STAGE="prod", AZURE_API_KEY="unused"))["azureOpenAI"]
        base = "https://north.openai.azure.com/openai/deployments"
        assert azure.deployments == {
            "a": AzureDeployment(f"{base}/common", "2025-01-01", "n-key", {"X-N": "n"}),
            "b": AzureDeployment(f"{base}/own-b", "2025-02-02", "n-key", {"X-N": "n"}),
            "a.1": AzureDeployment(f"{base}/d", "2025-01-01", "n-key", {"X-N": "n"}),
            "c": AzureDeployment("https://gate.example/in.example/prod/gd", "2025-03-03", "g"),
            "d": AzureDeployment("https://open.example/models", "2024-10-21", ""),
        }
        assert azure.models == ("a", "b", "a.1", "c", "d")
        assert (azure.api_key, azure.available, azure.user_provides_key) == (None, True, True)

    def test_a_group_without_its_key_is_left_out(self, load: Load) -> None:
        settings = load(self.GROUPS, STAGE="prod")
        assert by_name(settings)["azureOpenAI"].models == ("c", "d")
        assert settings.notices[0].endswith("names NORTH, which is not set: the group is left out.")

    @pytest.mark.parametrize(
        ("group", "fault"),
        [
            ("group: g, apiKey: k, models: {a: true}", "0.instanceName is missing."),
            ("group: g, apiKey: k, serverless: true, models: {a: true}", "0.baseURL is missing."),
            ("group: g, apiKey: k, instanceName: i, models: {a: true}", "a lacks deploymentName or version"),
            (
                "group: g, apiKey: k, instanceName: i, version: v, models: {a: {}}",
                "a lacks deploymentName or version",
            ),
            (
                "group: g, apiKey: k, instanceName: i, models: {a: 5}",
                "a must be true, or hold deploymentName",
            ),
            ("group: g, instanceName: i, models: {}", "0.apiKey is missing."),
            (
                "group: g, apiKey: k, serverless: true, baseURL: x, models: {a: true}",
                "baseURL must be an http",
            ),
        ],
    )
    def test_a_group_that_is_wrong_is_refused(self, group: str, fault: str, faults: Faults) -> None:
        [found] = faults(f"endpoints: {{azureOpenAI: {{groups: [{{{group}}}]}}}}")
        assert fault in found

    def test_names_of_groups_are_unique(self, faults: Faults) -> None:
        group = "{group: g, apiKey: k, instanceName: i, deploymentName: d, version: v, models: {m: true}}"
        found = faults(f"endpoints: {{azureOpenAI: {{groups: [{group}, {group}]}}}}")
        assert [fault.partition("groups.1.")[2] for fault in found] == [
            "group stands in the list twice.",
        ]

    def test_a_model_of_several_groups_has_several_deployments(self, load: Load) -> None:
        groups = ", ".join(
            f"{{group: {name}, apiKey: k-{name}, instanceName: {name}, deploymentName: d, version: v,"
            f" models: {{m: true, only-{name}: true}}}}"
            for name in ("north", "south", "west")
        )
        found = by_name(load(f"endpoints: {{azureOpenAI: {{groups: [{groups}]}}}}"))["azureOpenAI"]
        assert found.models == ("m", "only-north", "only-south", "only-west")
        assert [each.api_key for each in found.deployments["m"].all] == ["k-north", "k-south", "k-west"]
        assert [each.api_key for each in found.deployments["only-south"].all] == ["k-south"]
