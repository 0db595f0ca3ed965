"""Each sweep finds what it is there for, at a small server with one fault, and nothing at one without."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from echo.testing.operations import Operations
from echo.testing.sweeps.catalogue import SWEEPS, run_sweeps
from echo.testing.sweeps.exchanges import Answer, Exchange, Request
from echo.testing.sweeps.findings import Finding, Kind, Result, SweepReport
from echo.testing.sweeps.links import any_within
from echo.testing.sweeps.session import Session, over_http
from echo.testing.sweeps.telling import as_text, into_html
from echo.testing.sweeps.world import World
from tests.support.threaded import serving
from tests.testing.notes import DOCUMENT, Notes

Transport = Callable[[str, Request], Answer]


def session(transport: Transport, **options: Any) -> Session:
    """Of the two users of the notes."""
    tokens = {"ada": "of ada", "bob": "of bob"}
    return Session("http://notes", DOCUMENT, tokens, transport=transport, **options)


def swept(fault: str = "", *names: str, **options: Any) -> SweepReport:
    return run_sweeps(session(Notes(fault), **options), names or tuple(SWEEPS))


def kinds(report: SweepReport) -> set[tuple[str, str]]:
    """The kinds that were found, with their operations."""
    return {(each.kind.name, each.operation) for each in report.findings}


def test_a_server_that_keeps_its_document_is_found_nothing_at() -> None:
    report = swept()
    assert kinds(report) == set()
    assert {result.sweep: result.tried for result in report.results} == {
        "methods": 3,
        "errors": 16,
        "ownership": 3,
        "streams": 1,
        "paging": 1,
        "idempotency": 4,
    }
    assert [why for result in report.results for why in result.untried] == []


FAULTS: Mapping[str, tuple[str, str, str]] = {
    "head": ("methods", "head-differs", "HEAD /notes"),
    "method": ("methods", "method-not-refused", "PATCH /notes"),
    "allow": ("methods", "untrue-allow", "PATCH /notes"),
    "options": ("methods", "options-fails", "OPTIONS /notes"),
    "open": ("errors", "open-to-anyone", "GET /notes"),
    "server": ("errors", "server-fault", "POST /notes"),
    "takes-anything": ("errors", "wrong-request-accepted", "POST /words"),
    "undeclared": ("errors", "undeclared-refusal", "POST /words"),
    "other-status": ("errors", "other-status", "GET /notes/{noteId}"),
    "serves": ("ownership", "served-to-another", "GET /notes/{noteId}"),
    "deletes": ("ownership", "changed-by-another", "POST /notes"),
    "forbids": ("ownership", "existence-told", "GET /notes/{noteId}"),
    "event": ("streams", "wrong-event", "POST /words"),
    "not-streamed": ("streams", "not-streamed", "POST /words"),
    "silent": ("streams", "no-events", "POST /words"),
    "endless-stream": ("streams", "no-end", "POST /words"),
    "repeats": ("paging", "page-repeats", "GET /notes"),
    "loses": ("paging", "page-loses", "GET /notes"),
    "large": ("paging", "page-too-large", "GET /notes"),
    "pages": ("paging", "pages-without-end", "GET /notes"),
    "counts": ("idempotency", "put-differs", "PUT /notes/{noteId}"),
    "gone": ("idempotency", "delete-fails", "DELETE /notes/{noteId}"),
    "stays": ("idempotency", "still-there", "DELETE /notes/{noteId}"),
    "twice": ("idempotency", "done-twice", "POST /notes"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_finds_the_fault(fault: str) -> None:
    sweep, kind, operation = FAULTS[fault]
    report = swept(fault, sweep)
    assert (kind, operation) in kinds(report)
    for finding in report.findings:
        assert finding.sweep == sweep
        assert finding.exchanges[-1].curl.startswith("curl ")
        assert finding.detail


def test_what_is_told_once_was_changed_by_nobody() -> None:
    assert kinds(swept("news", "ownership")) == set()


def test_every_kind_of_finding_is_tried_here() -> None:
    tried = {sweep for sweep, _, _ in FAULTS.values()}
    assert tried == set(SWEEPS)


class TestWhatIsNotHeld:
    def test_only_an_echo_is_held_to_what_echo_promises(self) -> None:
        report = swept("forbids", "ownership", strict=False)
        assert kinds(report) == set()
        assert [each.kind.name for each in report.not_held] == ["existence-told"]

    def test_others_are_held_to_what_anybody_would_expect(self) -> None:
        assert ("served-to-another", "GET /notes/{noteId}") in kinds(
            swept("serves", "ownership", strict=False)
        )


class TestWhichOperations:
    def test_only_those_asked_for(self) -> None:
        report = run_sweeps(session(Notes("serves")), ["ownership"], only=["put_note"])
        assert kinds(report) == {
            ("served-to-another", "PUT /notes/{noteId}"),
            ("changed-by-another", "POST /notes"),
        }

    def test_not_those_left_out(self) -> None:
        sent: list[str] = []
        notes = Notes()

        def noting(url: str, request: Request) -> Answer:
            sent.append(f"{request.method} {request.target}")
            return notes(url, request)

        run_sweeps(session(noting), list(SWEEPS), without=["delete_note", "say"])
        assert not any(each.startswith("DELETE /notes/") for each in sent)
        assert "POST /words" not in sent
        assert "POST /notes" in sent


@pytest.mark.parametrize(
    ("ids", "linked"),
    [
        (("create_note", "get_note"), True),
        (("create_note", "list_notes"), False),
        (("get_note",), False),
        (("nothing",), False),
    ],
)
def test_a_link_is_within_some_operations_if_it_leads_from_one_to_one(
    ids: tuple[str, ...], linked: bool
) -> None:
    assert any_within(Operations(DOCUMENT), ids) is linked


def test_what_cannot_be_made_is_told() -> None:
    def refusing(_url: str, request: Request) -> Answer:
        return Answer(401 if request.method == "GET" else 503, {}, b"no")

    ownership, paging = run_sweeps(session(refusing), ["ownership", "paging"]).results
    assert (ownership.tried, ownership.untried) == (0, ["POST /notes: 503 no"])
    assert (paging.tried, paging.untried) == (0, ["GET /notes: 401 no"])


def test_what_nothing_that_is_tried_follows_from_is_not_missed() -> None:
    def refusing(_url: str, _request: Request) -> Answer:
        return Answer(503, {}, b"no")

    def untried(*only: str) -> list[str]:
        [ownership] = run_sweeps(session(refusing), ["ownership"], only=only).results
        return ownership.untried

    assert untried("list_notes") == []
    assert untried("list_notes", "get_note") == ["POST /notes: 503 no"]


def test_what_leads_nowhere_is_not_told_as_a_refusal() -> None:
    def forgetful(_url: str, request: Request) -> Answer:
        return Answer(200, {"content-type": "application/json"}, b"{}")

    [ownership] = run_sweeps(session(forgetful), ["ownership"]).results
    assert ownership.untried == ["POST /notes: its answer names nothing to go on with: 200 {}"]


def test_ends_when_its_time_is_over() -> None:
    report = swept("serves", deadline=time.monotonic() - 1)
    assert [(result.tried, result.unfinished) for result in report.results] == [(0, True)] * len(SWEEPS)


def test_who_was_logged_out_logs_in_again() -> None:
    again = Session(
        "http://notes", DOCUMENT, {"ada": "old", "bob": "of bob"}, renew="of {}".format, transport=Notes()
    )
    assert again.send("ada", Request("GET", "/notes")).answer.status == 200
    assert again.tokens["ada"] == "of ada"
    forgotten = session(Notes())
    forgotten.tokens["ada"] = "old"
    assert forgotten.send("ada", Request("GET", "/notes")).answer.status == 401


class TestCurl:
    def line(self, request: Request, user: str | None = "ada") -> str:
        return Exchange("http://notes", user, request, Answer(200, {}, b"")).curl

    def test_sends_what_was_sent_with_the_users_token_in_a_variable(self) -> None:
        line = self.line(Request.of_json("PUT", "/notes/a?b=c", {"name": "it's"}))
        assert line.startswith("curl -X PUT -A 'Mozilla/5.0 ")
        assert line.endswith(
            " -H \"Authorization: Bearer $ADA_TOKEN\" -H 'Content-Type: application/json'"
            " --data-raw '{\"name\": \"it'\"'\"'s\"}' 'http://notes/notes/a?b=c'"
        )

    def test_has_the_whole_body_but_for_a_huge_one(self) -> None:
        whole = self.line(Request("PUT", "/notes", body=b"x" * 16384))
        assert whole.endswith(f" --data-raw {'x' * 16384} http://notes/notes")
        huge = self.line(Request("PUT", "/notes", body=b"x" * 16394))
        assert huge == f"{whole} # and 10 more bytes of body"

    def test_of_nobody_has_no_token(self) -> None:
        line = self.line(Request("HEAD", "/notes"), None)
        assert line.startswith("curl --head -A ")
        assert "Authorization" not in line

    def test_of_a_form_names_its_files(self) -> None:
        form = {"file": ("a.png", b"\x89", "image/png"), "what": "it"}
        line = self.line(Request("POST", "/files", form=form))
        assert " -F 'file=@a.png;type=image/png' -F what=it http://notes/files" in line


PATHS = {"models": "/api/models", "endpoints": "/api/endpoints", "v1": "/v1/models"}


class TestModels:
    """Which model chats: by what the server says it has."""

    MODELS: Mapping[str, Any] = {"none": [], "Else": ["e"], "Fake": ["f-1", "f-2"]}

    def known(self, **told: Any) -> dict[str, str]:
        paths = {path: {"get": {"responses": {"200": {}}}} for path in PATHS.values()}
        answers = {PATHS[name]: json.dumps(value).encode() for name, value in told.items()}

        def telling(_url: str, request: Request) -> Answer:
            return Answer(200, {}, answers.get(request.target, b"null"))

        world = World(Session("", {"paths": paths}, {"ada": "a", "bob": "b"}, transport=telling))
        world.furnish()
        return world.builders["bob"].known

    def test_is_the_first_of_an_endpoint_that_is_there(self) -> None:
        known = self.known(models=self.MODELS, endpoints={"none": {}, "Fake": {"type": "custom"}})
        assert known == {"endpoint": "Fake", "model": "f-1", "endpointType": "custom"}

    def test_is_the_offline_one_where_there_is_one(self) -> None:
        known = self.known(
            models={**self.MODELS, "Offline": ["echo"]},
            endpoints=[{"name": "Fake"}, {"name": "Offline"}],
            v1={"data": [{"id": "Fake/f-1"}, {"id": "Offline/echo"}]},
        )
        assert known == {"endpoint": "Offline", "model": "echo", "/v1 model": "Offline/echo"}

    def test_is_none_that_wants_a_key_of_the_users_own(self) -> None:
        known = self.known(
            models={"openAI": ["gpt-4o"], **self.MODELS},
            endpoints={"openAI": {"userProvide": True}, "Fake": {"userProvide": False}},
        )
        assert (known["endpoint"], known["model"]) == ("Fake", "f-1")
        listed = self.known(models=self.MODELS, endpoints=[{"name": "Fake", "userProvide": True}])
        assert listed == {}

    def test_is_none_where_none_is_named(self) -> None:
        assert self.known(models=self.MODELS, endpoints={}) == {}


def test_a_stream_is_looked_for_where_a_link_leads_to_it() -> None:
    event = {"properties": {"data": {"const": "1"}}}
    run = {"operationId": "follow", "parameters": {"runId": "$response.body#/id"}}
    paths = {
        "/runs": {"post": {"operationId": "run", "responses": {"201": {"links": {"follow": run}}}}},
        "/runs/{runId}": {
            "get": {
                "operationId": "follow",
                "parameters": [
                    {"name": "runId", "in": "path", "required": True, "schema": {"type": "string"}},
                    {"name": "stream", "in": "query", "schema": {"type": "boolean"}},
                ],
                "responses": {"200": {"content": {"text/event-stream": {"x-oai-itemSchema": event}}}},
            }
        },
    }
    sent: list[str] = []

    def running(_url: str, request: Request) -> Answer:
        sent.append(request.target)
        if request.method == "POST":
            return Answer(201, {}, json.dumps({"id": f"run {len(sent)}"}).encode())
        return Answer(200, {"content-type": "text/event-stream"}, b"data: 2\n\ndata: 3\n\n")

    secured = {"paths": paths, "security": [{"bearer": []}]}
    [result] = run_sweeps(
        Session("", secured, {"ada": "a", "bob": "b"}, transport=running), ["streams"]
    ).results
    [found] = result.found
    assert (found.kind.name, found.detail) == (
        "wrong-event",
        'an event does not fit its schema: "1" was expected',
    )
    # Of a run that has just begun.
    assert sent[-1] == f"/runs/run%20{len(sent) - 1}?stream=true"


class TestOverHttp:
    @pytest.fixture
    def url(self) -> Iterator[str]:
        """A server that answers with the type and the content of what it gets."""

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(302)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(self.headers["Content-Type"].encode() + b"\n" + content)

            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                # Until nobody reads any more.
                with suppress(OSError):
                    while True:
                        self.wfile.write(b"x" * 65536)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
            yield url

    def test_sends_forms_and_follows_no_redirect(self, url: str) -> None:
        form = {"file": ("a.png", b"\x89", "image/png"), "what": "it"}
        answer = over_http(requests.Session())(url, Request("POST", "/files", form=form))
        assert (answer.status, answer.headers["location"], answer.cut) == (302, "/elsewhere", False)
        assert answer.body.startswith(b"multipart/form-data; boundary=")
        assert b'name="file"; filename="a.png"' in answer.body
        assert b'name="what"\r\n\r\nit\r\n' in answer.body

    def test_reads_no_answer_without_end(self, url: str) -> None:
        answer = over_http(requests.Session())(url, Request("GET", "/"))
        assert answer.cut
        assert 4 * 1024 * 1024 < len(answer.body) < 5 * 1024 * 1024

    def test_no_answer_has_no_status(self) -> None:
        answer = over_http(requests.Session())("http://127.0.0.1:9", Request("GET", "/"))
        assert (answer.status, answer.cut) == (0, True)


def test_the_text_for_people_groups_by_kind() -> None:
    kind = Kind("other", "Something is otherwise", "low")
    spare = Kind("spare", "Only Echo promises it", "low", stricter=True)
    exchange = Exchange("http://n", None, Request("GET", "/a"), Answer(200, {}, b""))
    found = [Finding("methods", kind, f"GET /{name}", "because", (exchange,)) for name in "abcd"]
    other = [Finding("methods", spare, f"PUT /{name}", "because", (exchange,)) for name in "abcd"]
    result = Result("methods", 9, found, other, ["GET /x: 403"], unfinished=True)
    curl = exchange.curl
    assert as_text(SweepReport((result,))).splitlines() == [
        "==================================== SWEEPS ====================================",
        "",
        "____________________________ Something is otherwise ____________________________",
        "",
        *(
            line
            for name in "abc"
            for line in (f"GET /{name}", "    because", f"    Reproduce with: {curl}", "")
        ),
        "and 1 more: GET /d",
        "",
        "  methods          9 tried, 4 found (not to its end: the time was over)",
        "      not tried: GET /x: 403",
        "",
        "  Otherwise than at an Echo, which promises more than LibreChat does; not held against this server:",
        "          4  Only Echo promises it (spare)",
        "             PUT /a, PUT /b, PUT /c and 1 more operations",
    ]


def test_the_text_for_people_shows_different_operations_first() -> None:
    kind = Kind("other", "Something is otherwise", "low")
    found = [
        Finding("methods", kind, f"GET /{name}", f"because {name}") for name in ("a", "a", "b", "c", "d", "d")
    ]
    lines = as_text(SweepReport((Result("methods", 6, found),))).splitlines()
    assert [line for line in lines if line.startswith(("GET", "and"))] == [
        "GET /a",
        "GET /b",
        "GET /c",
        "and 3 more: GET /d, GET /a",
    ]


class TestPage:
    KIND = Kind("other", "Something is otherwise", "low")

    def written(self, directory: Path) -> str:
        found = [Finding("methods", self.KIND, "GET /a", "because <it>")]
        result = Result("methods", 9, found, [], ["GET /x: 403 <b>"], unfinished=True)
        into_html(directory, SweepReport((result,)))
        return (directory / "index.html").read_text()

    def test_has_what_was_found_and_what_was_not_tried(self, tmp_path: Path) -> None:
        page = self.written(tmp_path / "new")
        assert "<h2>Sweeps: 1 found</h2>" in page
        assert "<li>methods: 9 tried, 1 found (not to its end: the time was over)" in page
        assert "<summary>1 not tried</summary><ul><li>GET /x: 403 &lt;b&gt;</li></ul>" in page
        assert "because &lt;it&gt;" in page

    def test_of_schemathesis_says_it_above_that_it_has_passed(self, tmp_path: Path) -> None:
        theirs = "<main><header>Schemathesis</header><h1>Passed</h1></main>"
        (tmp_path / "index.html").write_text(theirs)
        page = self.written(tmp_path)
        assert page.startswith("<main><header>Schemathesis</header><section id='sweeps'>")
        assert page.endswith("</section><h1>Passed</h1></main>")
