"""Both documents are complete and true: what each operation must say, and that what it says fits the code."""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from echo.contract.compiled import Operation
from echo.contract.document import Contract, load_contract
from echo.contract.schemas import Validator
from echo.http.reader import IMPORT
from echo.settings.rate_limits import RATE_LIMITS
from tests.conftest import Client
from tests.support.operations import (
    ALL_OPERATIONS,
    BASES,
    DOCUMENT,
    FORM,
    JSON,
    LIBRECHAT,
    LIBRECHAT_OPERATIONS,
    METHODS,
    OPERATIONS,
    Op,
    examples,
    resolve,
    responses,
)

ROOT = Path(__file__).parents[2]
# Modules of handlers/ that help handlers and handle nothing themselves.
HELPERS = {"handlers.paging"}
BY_ID = {op.id: op for op in ALL_OPERATIONS}
DOCUMENTS = {"echo": DOCUMENT, "librechat": LIBRECHAT}
EACH_DOCUMENT = pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
# OpenAPI Generator refuses a link whose own `requestBody` is no text.
LINK_BODY = "x-echo-request-body"
CONTROLLER = "x-openapi-router-controller"
LIBRECHATS_OWN = "handlers.librechat."
ERROR = {"$ref": "#/components/schemas/Error"}
# The same, with what LibreChat's clients of chats compare.
GENERATION_ERROR = {"$ref": "#/components/schemas/GenerationError"}
ADMIN_ERROR = {"$ref": "#/components/schemas/AdminError"}


def of_each(cases: Mapping[str, Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """One test of all these, which its last argument takes one by one: a test of each costs more than the check.

    All that fail are reported, each with its name.
    """

    def decorate(check: Callable[..., None]) -> Callable[..., None]:
        *fixtures, last = inspect.signature(check).parameters.values()

        def test(*args: Any, **given: Any) -> None:
            failures = [
                failure
                for name, case in cases.items()
                if (failure := failure_of(name, partial(check, *args, **given, **{last.name: case})))
            ]
            if failures:
                raise ExceptionGroup(f"{len(failures)} of {len(cases)}", failures)

        assert cases
        test.__signature__ = inspect.Signature(fixtures)  # type: ignore[attr-defined]
        return test

    return decorate


def failure_of(name: str, check: Callable[[], None]) -> Exception | None:
    """What the check raises, with the name of what it looked at."""
    try:
        check()
    except Exception as error:
        error.add_note(f"for {name}")
        return error
    return None


EACH = of_each(BY_ID)


@cache
def contract(name: str = "echo") -> Contract:
    return load_contract(name)


def walk(node: Any, place: str = "#") -> Iterator[tuple[str, Any]]:
    """Every object of the document with its place."""
    if isinstance(node, Mapping):
        yield place, node
        for name, child in node.items():
            yield from walk(child, f"{place}/{name}")
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from walk(child, f"{place}/{index}")


def without_links(node: Any) -> Any:
    """The node without its links: they lead to operations of its own document."""
    if isinstance(node, Mapping):
        return {name: without_links(child) for name, child in node.items() if name != "links"}
    return [without_links(child) for child in node] if isinstance(node, list) else node


def validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    schemas = {**LIBRECHAT["components"]["schemas"], **DOCUMENT["components"]["schemas"]}
    root = {**schema, "components": {"schemas": schemas}}
    return Draft202012Validator(root, format_checker=Draft202012Validator.FORMAT_CHECKER)


def media_with_schemas(op: Op) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The JSON and text media of an operation's request and of all its responses."""
    for name, media in op.media.items():
        if name != FORM:
            yield f"request {name}", media
    for status, response in responses(op).items():
        for name, media in response.get("content", {}).items():
            if "schema" in media:
                yield f"{status} {name}", media


def validators_of(operation: Operation) -> Iterator[Validator]:
    yield from (parameter.validator for parameter in operation.parameters)
    if operation.body:
        yield from operation.body.media_types.values()
    for response in operation.responses.values():
        yield from filter(None, response.media_types.values())
        yield from response.items.values()


@EACH_DOCUMENT
class TestTheWhole:
    def test_is_valid_openapi_31(self, document: dict[str, Any]) -> None:
        assert document["openapi"].startswith("3.1.")
        OpenAPIV31SpecValidator(document).validate()

    def test_every_schema_can_be_compiled(self, document: dict[str, Any]) -> None:
        # A server compiles each when it is first needed.
        contract = Contract.load(document)
        validators = {each for operation in contract.operations for each in validators_of(operation)}
        assert len(validators) > 100
        assert all(each.compiled for each in validators)

    def test_paths_come_in_the_order_in_which_they_are_matched(self, document: dict[str, Any]) -> None:
        keys = [[("{" in part, part) for part in path.split("/")] for path in document["paths"]]
        assert all(before < after for before, after in pairwise(keys))

    def test_every_method_is_known_to_these_tests(self, document: dict[str, Any]) -> None:
        assert {method for item in document["paths"].values() for method in item} <= set(METHODS)

    def test_every_reference_resolves_and_stands_alone(self, document: dict[str, Any]) -> None:
        references = [(place, node) for place, node in walk(document) if "$ref" in node]
        assert len(references) > 50
        for place, node in references:
            assert list(node) == ["$ref"], place
            target: Any = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                target = target[part]

    def test_every_component_is_used(self, document: dict[str, Any]) -> None:
        used = {node["$ref"] for _, node in walk(document) if "$ref" in node}
        declared = {
            f"#/components/{kind}/{name}"
            for kind, named in document["components"].items()
            if kind != "securitySchemes"
            for name in named
        }
        assert declared == used

    def test_no_schema_contains_itself(self, document: dict[str, Any]) -> None:
        schemas = document["components"]["schemas"]
        uses = {
            name: {node["$ref"].rpartition("/")[2] for _, node in walk(schema) if "$ref" in node}
            for name, schema in schemas.items()
        }
        while leaves := [name for name, used in uses.items() if not used & uses.keys()]:
            for name in leaves:
                del uses[name]
        assert not uses, "these refer to each other in a circle"

    def test_generators_make_good_of_every_schema(self, document: dict[str, Any]) -> None:
        """What some well-known generator breaks on, or makes names such as `TagType3Type1` of."""
        for place, node in walk(document["components"]["schemas"]):
            if place.endswith(("/oneOf/1", "/oneOf/2")):
                continue
            # openapi-generator knows no type of null alone in its clients for Python.
            assert node.get("type") != "null", place
            # openapi-python-client makes three enumerations of it.
            assert None not in (node.get("enum") or ()), place
            # openapi-typescript takes what has a default for what is always there, in requests too.
            assert "default" not in node, place

    def test_tags_are_declared_and_used(self, document: dict[str, Any]) -> None:
        operations = [operation for item in document["paths"].values() for operation in item.values()]
        declared = [tag["name"] for tag in document["tags"]]
        assert set(declared) == {tag for operation in operations for tag in operation["tags"]}


class TestBoth:
    def test_operation_ids_are_unique(self) -> None:
        assert len(BY_ID) == len(ALL_OPERATIONS)
        assert len(OPERATIONS) >= 32

    def test_what_has_the_same_name_is_the_same(self) -> None:
        """Where a shape of LibreChat's differs it has a name of its own, LibreChat's where it has one (`TUser`)."""
        for kind, named in LIBRECHAT["components"].items():
            for name, component in named.items():
                ours = DOCUMENT["components"].get(kind, {}).get(name)
                assert ours is None or without_links(component) == without_links(ours), f"{kind} {name}"

    def test_an_operation_with_one_handler_for_both_is_the_same(self) -> None:
        first = {op.raw["operationId"]: op for op in OPERATIONS}
        shared = [op for op in LIBRECHAT_OPERATIONS if not op.raw[CONTROLLER].startswith(LIBRECHATS_OWN)]
        assert len(shared) >= 10
        for op in shared:
            ours = first[op.raw["operationId"]]
            assert (op.method, op.template) == (ours.method, ours.template)
            assert without_links(op.raw) == without_links(ours.raw)

    def test_every_rate_limit_of_the_settings_is_used(self) -> None:
        used = {name for op in ALL_OPERATIONS for name in op.raw.get("x-echo-rate-limits", ())}
        assert used == {name for name, *_ in RATE_LIMITS}

    def test_each_operation_has_its_own_limits(self) -> None:
        found = {op.id: tuple(op.raw.get("x-echo-rate-limits", ())) for op in OPERATIONS}
        assert found == LIMITS | dict.fromkeys(WITHOUT_LIMITS, ())

    def test_each_operation_of_librechats_contract_has_its_own_limits(self) -> None:
        found = {op.id: tuple(op.raw.get("x-echo-rate-limits", ())) for op in LIBRECHAT_OPERATIONS}
        assert {operation: names for operation, names in found.items() if names} == LIBRECHAT_LIMITS


# Which limits each operation has, written out: what is compared with the document must not come from it.
LIMITS: dict[str, tuple[str, ...]] = {
    "begin_passkey": ("two_factor_user",),
    "begin_passkey_login": ("refresh_ip",),
    "change_password": ("two_factor_user",),
    "cancel_response": ("api_ip", "api_user"),
    "confirm_two_factor": ("two_factor_user",),
    "count_anthropic_tokens": ("api_ip", "api_user"),
    "create_anthropic_message": ("api_ip", "api_user"),
    "create_chat_completion": ("api_ip", "api_user"),
    "create_embeddings": ("api_ip", "api_user"),
    "create_image": ("api_ip", "api_user"),
    "create_image_edit": ("api_ip", "api_user"),
    "create_response": ("api_ip", "api_user"),
    "create_speech": ("api_ip", "api_user"),
    "create_transcription": ("api_ip", "api_user", "stt_ip", "stt_user"),
    "create_translation": ("api_ip", "api_user", "stt_ip", "stt_user"),
    "create_passkey": ("two_factor_user",),
    "delete_own_account": ("two_factor_user",),
    "delete_response": ("api_ip", "api_user"),
    "disable_two_factor": ("two_factor_user",),
    "enable_two_factor": ("two_factor_user",),
    "export_account": ("export_ip", "export_user"),
    "export_conversations": ("export_ip", "export_user"),
    "fork_conversation": ("fork_ip", "fork_user"),
    "get_response": ("api_ip", "api_user"),
    "get_v1_model": ("api_ip", "api_user"),
    "generate_title": ("message_ip", "message_user"),
    "import_conversations": ("import_ip", "import_user"),
    "list_conversations": ("search_user",),
    "list_messages": ("search_user",),
    "list_response_input_items": ("api_ip", "api_user"),
    "list_v1_models": ("api_ip", "api_user"),
    "exchange_token": ("login_ip",),
    "login": ("login_ip", "login_account"),
    "login_by_passkey": ("login_ip",),
    "refresh_token": ("refresh_ip",),
    "regenerate_backup_codes": ("two_factor_user",),
    "register": ("register_ip",),
    "request_password_reset": ("reset_ip", "reset_email"),
    "resend_verification": ("verify_ip", "verify_email"),
    "reset_password": ("reset_submit_ip",),
    "verify_email": ("verify_submit_ip",),
    "change_email": ("verify_ip", "two_factor_user"),
    "start_chat": ("message_ip", "message_user"),
    "transcribe_audio": ("stt_ip", "stt_user"),
    "upload_file": ("upload_ip", "upload_user"),
    "upload_image": ("upload_ip", "upload_user"),
    "verify_two_factor": ("two_factor_user",),
    "verify_two_factor_login": ("two_factor_ip", "two_factor_account", "two_factor_account_day"),
}
# The same for LibreChat's contract; operations without a line have none.
LIBRECHAT_LIMITS: dict[str, tuple[str, ...]] = {
    "librechat.admin_login": ("login_ip", "login_account"),
    "librechat.begin_panel_login": ("login_ip",),
    "librechat.check_panel_login": ("login_ip",),
    "librechat.exchange_panel_code": ("login_ip",),
    "librechat.finish_panel_login": ("refresh_ip",),
    "librechat.finish_panel_login_by_form": ("refresh_ip",),
    "librechat.refresh_panel_session": ("refresh_ip",),
    "librechat.list_shares": ("search_user",),
    "librechat.begin_apple_login": ("login_ip",),
    "librechat.begin_saml_login": ("login_ip",),
    "librechat.begin_discord_login": ("login_ip",),
    "librechat.begin_facebook_login": ("login_ip",),
    "librechat.begin_github_login": ("login_ip",),
    "librechat.begin_google_login": ("login_ip",),
    "librechat.begin_openid_login": ("login_ip",),
    "librechat.finish_action_login": ("refresh_ip",),
    "librechat.finish_apple_login": ("refresh_ip",),
    "librechat.finish_saml_login": ("refresh_ip",),
    "librechat.finish_discord_login": ("refresh_ip",),
    "librechat.finish_facebook_login": ("refresh_ip",),
    "librechat.finish_github_login": ("refresh_ip",),
    "librechat.finish_google_login": ("refresh_ip",),
    "librechat.finish_mcp_oauth": ("refresh_ip",),
    "librechat.finish_openid_login": ("refresh_ip",),
    "librechat.transcribe_audio": ("stt_ip", "stt_user"),
    "librechat.call_tool": ("tool_call_user",),
    "librechat.create_agent_completion": ("api_ip", "api_user"),
    "librechat.create_agent_response": ("api_ip", "api_user"),
    "librechat.get_remote_agent": ("api_ip", "api_user"),
    "librechat.get_agent_response": ("api_ip", "api_user"),
    "librechat.list_remote_agents": ("api_ip", "api_user"),
    "librechat.list_response_agents": ("api_ip", "api_user"),
    "librechat.read_aloud": ("tts_ip", "tts_user"),
    "librechat.read_message_aloud": ("tts_ip", "tts_user"),
    "librechat.upload_agent_avatar": ("upload_ip", "upload_user"),
    "librechat.upload_avatar": ("upload_ip", "upload_user"),
    "librechat.upload_file": ("upload_ip", "upload_user"),
    "librechat.upload_image": ("upload_ip", "upload_user"),
    "librechat.confirm_two_factor": ("two_factor_user",),
    "librechat.delete_account": ("two_factor_user",),
    "librechat.disable_two_factor": ("two_factor_user",),
    "librechat.duplicate_conversation": ("fork_ip", "fork_user"),
    "librechat.enable_two_factor": ("two_factor_user",),
    "librechat.fork_conversation": ("fork_ip", "fork_user"),
    "librechat.fork_share": ("fork_ip", "fork_user"),
    "librechat.import_skill": ("upload_ip", "upload_user"),
    "librechat.upload_skill_file": ("upload_ip", "upload_user"),
    "librechat.import_conversations": ("import_ip", "import_user"),
    "librechat.list_conversations": ("search_user",),
    "librechat.list_messages": ("search_user",),
    "librechat.login": ("login_ip", "login_account"),
    "librechat.refresh_token": ("refresh_ip",),
    "librechat.list_agents": ("search_user",),
    "librechat.regenerate_backup_codes": ("two_factor_user",),
    "librechat.register": ("register_ip",),
    "librechat.request_password_reset": ("reset_ip", "reset_email"),
    "librechat.resend_verification": ("verify_ip", "verify_email"),
    "librechat.reset_password": ("reset_submit_ip",),
    "librechat.verify_email": ("verify_submit_ip",),
    "librechat.search_principals": ("search_user",),
    "librechat.start_agent_chat": ("message_ip", "message_user"),
    "librechat.start_chat": ("message_ip", "message_user"),
    "librechat.steer_chat": ("message_ip", "message_user"),
    "librechat.verify_two_factor": ("two_factor_user",),
    "librechat.verify_two_factor_login": ("two_factor_ip", "two_factor_account", "two_factor_account_day"),
}
# Reading and small changes; behind a session, or cheap.
WITHOUT_LIMITS = {
    "abort_chat",
    "await_title",
    "create_api_key",
    "create_assistant",
    "create_message",
    "create_preset",
    "delete_api_key",
    "delete_assistant",
    "delete_conversation",
    "delete_files",
    "delete_message",
    "delete_presets",
    "delete_user_key",
    "delete_user_keys",
    "download_file",
    "follow_chat",
    "get_api_key",
    "get_balance",
    "get_usage",
    "get_usage_of_all",
    "get_assistant",
    "get_chat_status",
    "get_config",
    "get_conversation",
    "get_current_user",
    "delete_passkey",
    "end_other_sessions",
    "end_session",
    "list_passkeys",
    "list_sessions",
    "rename_passkey",
    "update_current_user",
    "get_docs",
    "get_docs_asset",
    "get_health",
    "get_message",
    "get_metrics",
    "get_librechat_openapi",
    "get_openapi",
    "get_ready",
    "get_user_key",
    "give_feedback",
    "list_active_chats",
    "list_api_keys",
    "list_assistants",
    "list_conversation_messages",
    "list_endpoints",
    "list_files",
    "list_models",
    "list_presets",
    "logout",
    "put_user_key",
    "update_api_key",
    "update_assistant",
    "update_conversation",
    "update_message",
}


def bodies_of_errors(op: Op) -> list[dict[str, str]]:
    """The schemas that the errors of an operation have: LibreChat's own clients read more in some."""
    if op.raw[CONTROLLER].startswith("handlers.librechat.admin."):
        return [ADMIN_ERROR]
    return [ERROR, GENERATION_ERROR] if op.raw[CONTROLLER] == "handlers.librechat.chat" else [ERROR]


class TestHandlers:
    def test_operations_and_public_handlers_are_the_same(self) -> None:
        declared = {(op.raw[CONTROLLER], op.raw["operationId"]) for op in ALL_OPERATIONS}
        folders = (
            ROOT / "handlers",
            ROOT / "handlers" / "librechat",
            ROOT / "handlers" / "librechat" / "admin",
        )
        paths = [path for folder in folders for path in folder.glob("[!_]*.py")]
        names = (".".join(path.relative_to(ROOT).with_suffix("").parts) for path in paths)
        modules = set(names) - HELPERS
        written = {
            (name, function)
            for name in modules
            for function, value in vars(importlib.import_module(name)).items()
            if inspect.isfunction(value) and value.__module__ == name and not function.startswith("_")
        }
        assert written == declared


class TestEachOperation:
    @EACH
    def test_says_what_it_is(self, op: Op) -> None:
        for key in ("summary", "description", "tags"):
            assert op.raw[key], key
        for parameter in map(resolve, op.raw.get("parameters", ())):
            assert parameter["description"], parameter["name"]
        for status, response in responses(op).items():
            assert response["description"], status

    @EACH
    def test_shows_examples(self, op: Op) -> None:
        for place, media in media_with_schemas(op):
            if place.endswith((JSON, "text/plain")):
                assert examples(media), place
        # A login by another server has no answer of its own: the browser is sent on.
        assert [status for status in responses(op) if 200 <= status < 303]

    @EACH
    def test_examples_fit_their_schemas(self, op: Op) -> None:
        for place, media in media_with_schemas(op):
            for example in examples(media):
                found = [error.message for error in validator(media["schema"]).iter_errors(example)]
                assert not found, place
        for parameter in map(resolve, op.raw.get("parameters", ())):
            if "example" in parameter:
                validator(parameter["schema"]).validate(parameter["example"])

    @EACH
    def test_defaults_fit_their_schemas(self, op: Op) -> None:
        schemas = [resolve(parameter["schema"]) for parameter in map(resolve, op.raw.get("parameters", ()))]
        schemas += [schema for media in op.media.values() for _, schema in walk(resolve(media["schema"]))]
        for schema in schemas:
            if "default" in schema:
                validator(schema).validate(schema["default"])

    @EACH
    def test_declares_the_errors_that_every_operation_of_its_kind_has(self, op: Op) -> None:
        needed = {500}
        needed |= {401} if op.secured else set()
        needed |= {429} if op.raw.get("x-echo-rate-limits") else set()
        needed |= {403, 503} if {"x-echo-permission", "x-echo-permission-if"} & op.raw.keys() else set()
        needed |= {400, 413, 415} if op.media else set()
        needed |= {400} if op.raw.get("parameters") else set()
        assert needed <= responses(op).keys()

    @EACH
    def test_errors_have_the_one_body(self, op: Op) -> None:
        schema = resolve(ERROR)
        assert {"message", "code", "status"} <= set(schema["required"])
        failures = {status: response for status, response in responses(op).items() if status >= 400}
        assert failures
        for status, response in failures.items():
            assert list(response["content"]) == [JSON]
            assert response["content"][JSON]["schema"] in bodies_of_errors(op)
            assert examples(response["content"][JSON])
            statuses = {example["status"] for example in examples(response["content"][JSON])}
            assert statuses in ({status}, {"predecessor_mismatch"})

    @EACH
    def test_errors_carry_the_headers_that_their_status_needs(self, op: Op) -> None:
        for status, name in {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}.items():
            if status in responses(op):
                assert resolve(responses(op)[status]["headers"][name])["required"]

    @EACH
    def test_declares_every_parameter_of_its_path(self, op: Op) -> None:
        named = {parameter["name"] for parameter in op.parameters("path")}
        assert named == set(re.findall(r"\{([^}]+)\}", op.template))

    @EACH
    def test_its_extensions_mean_something(self, op: Op) -> None:
        known = {"x-openapi-router-controller", "x-echo-pool", "x-echo-rate-limits", "x-echo-body-limit"}
        known |= {"x-echo-capability", "x-echo-capability-if"}
        known |= {"x-echo-permission", "x-echo-permission-if"}
        assert {key for key in op.raw if key.startswith("x-")} <= known
        assert op.raw.get("x-echo-pool", "password") in {"loop", "status", "password", "slow"}
        assert op.raw.get("x-echo-body-limit", IMPORT) == IMPORT


LINKS = {
    f"{op.id}-{name}": (op, status, link)
    for op in ALL_OPERATIONS
    for status, response in responses(op).items()
    for name, link in response.get("links", {}).items()
}


class TestLinks:
    def test_there_are_some(self) -> None:
        assert len(LINKS) > 20

    @of_each(LINKS)
    def test_each_leads_somewhere(self, place: tuple[Op, int, Mapping[str, Any]]) -> None:
        op, status, link = place
        prefix = "" if op.contract == "echo" else f"{op.contract}."
        target = BY_ID[prefix + link["operationId"]]
        given = set(link.get("parameters", {}))
        declared = {parameter["name"] for parameter in map(resolve, target.raw.get("parameters", ()))}
        assert given <= declared
        assert {parameter["name"] for parameter in target.parameters("path")} <= given
        schema = responses(op)[status]["content"][JSON]["schema"]
        for expression in expressions(link):
            assert has_place(schema, expression.removeprefix("$response.body#/").split("/")), expression
        assert "requestBody" not in link
        if body := link.get(LINK_BODY):
            assert set(body) <= set((target.json_schema or {})["properties"])


def expressions(link: Mapping[str, Any]) -> list[str]:
    """The runtime expressions of a link; those here all point into the response's body."""
    texts = [value for _, node in walk(link) for value in node.values() if isinstance(value, str)]
    found = [text for text in texts if text.startswith("$")]
    assert found
    assert all(text.startswith("$response.body#/") for text in found)
    return found


def has_place(schema: Mapping[str, Any], parts: list[str]) -> bool:
    """Whether values of the schema have this place."""
    schema = resolve(schema)
    if "oneOf" in schema:
        return any(has_place(branch, parts) for branch in schema["oneOf"])
    if not parts:
        return True
    head, *rest = parts
    if head.isdigit():
        return "items" in schema and has_place(schema["items"], rest)
    return head in schema.get("properties", {}) and has_place(schema["properties"][head], rest)


UNKNOWN_PATHS = (
    *("/", "/api", "/api/", "/api/convos/", "/api/users", "/api/auth", "/api/convos/c/m/x", "/health/"),
    *(
        "/swagger.json",
        "/openapi.yaml",
        "/openapi.json/",
        "/ui",
        "/ui/",
        "/static/x",
        "/docs/",
        "/docs/assets",
    ),
    *("/API/convos", "//health", "/api/files/images/x/y", "/metrics/", "/.env", "/favicon.ico"),
)


PATHS = [BASES[name] + path for name, document in DOCUMENTS.items() for path in document["paths"]]


class TestServedRoutes:
    @pytest.mark.parametrize("path", UNKNOWN_PATHS)
    def test_a_path_that_the_contract_does_not_have_is_not_served(self, path: str, api: Client) -> None:
        assert contract().match(path) is None
        for method in ("GET", "POST"):
            response = api.request(method, path)
            assert (response.status_code, response.json()["code"]) == (404, "no_such_path")

    @of_each({path: path for path in PATHS})
    def test_a_path_has_the_methods_of_the_contract_and_no_other(self, api: Client, path: str) -> None:
        address = re.sub(r"\{[^}]+\}", "x", path)
        declared = {op.method for op in ALL_OPERATIONS if op.path == path}
        allowed = declared | {"OPTIONS"} | ({"HEAD"} if "GET" in declared else set())
        answer = api.request("OPTIONS", address)
        assert answer.status_code == 204
        assert set(answer.headers["allow"].split(", ")) == allowed
        for method in {"GET", "PUT", "POST", "PATCH", "DELETE", "TRACE"} - allowed:
            refused = api.request(method, address)
            assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
            assert set(refused.headers["allow"].split(", ")) == allowed

    @EACH
    def test_every_operation_is_served(self, api: Client, op: Op) -> None:
        address = re.sub(r"\{[^}]+\}", "x", op.path)
        response = api.request(op.method, address, follow_redirects=False)
        assert response.status_code != 405
        if response.status_code == 404:
            assert response.json()["code"] == "not_found"
