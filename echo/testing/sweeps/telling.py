"""What sweeps found, as a text for people, and put into Schemathesis's reports: JUnit, JSON and the HTML page."""

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from echo.testing.sweeps.findings import Finding, Result, SweepReport, by_kind

# Of one kind in full; of the others the operations are named.
IN_FULL = 3
WIDTH = 80
STYLE = "body { font-family: sans-serif; margin: 2em } pre { white-space: pre-wrap; overflow-wrap: anywhere }"
PAGE = (
    "<!doctype html><html lang='en'><meta charset='utf-8'><title>Contract test</title>"
    f"<style>{STYLE}</style><main></main></html>"
)


def as_text(report: SweepReport) -> str:
    """Counts of each sweep, then the findings by kind, the worst first."""
    lines = [" SWEEPS ".center(WIDTH, "="), ""]
    for kind, found in by_kind(report.findings):
        lines += [f" {kind.title} ".center(WIDTH, "_"), ""]
        ordered = _each_operation_first(found)
        for finding in ordered[:IN_FULL]:
            lines += [finding.operation, *_indented(finding), ""]
        if more := ordered[IN_FULL:]:
            names = dict.fromkeys(one.operation for one in more)
            lines += [f"and {len(more)} more: {', '.join(names)}", ""]
    for result in report.results:
        lines.append(f"  {_counts(result, 12, 5)}")
        lines += [f"      not tried: {why}" for why in result.untried]
    lines += list(_not_held(report))
    return "\n".join(lines) + "\n"


def _each_operation_first(found: list[Finding]) -> list[Finding]:
    first = [*{each.operation: each for each in reversed(found)}.values()][::-1]
    return [*first, *(each for each in found if not any(each is one for one in first))]


def _counts(result: Result, name_width: int = 0, count_width: int = 0) -> str:
    cut = " (not to its end: the time was over)" if result.unfinished else ""
    name = f"{result.sweep:<{name_width}}" if name_width else f"{result.sweep}:"
    return f"{name} {result.tried:>{count_width}} tried, {len(result.found)} found{cut}"


def _indented(finding: Finding) -> Iterator[str]:
    yield from (f"    {line}" for line in finding.detail.splitlines())
    yield f"    Reproduce with: {_again(finding)}"


def _again(finding: Finding) -> str:
    return finding.exchanges[-1].curl if finding.exchanges else ""


def _not_held(report: SweepReport) -> Iterator[str]:
    if report.not_held:
        yield ""
        yield "  Otherwise than at an Echo, which promises more than LibreChat does; not held against this server:"
    for kind, found in by_kind(report.not_held):
        operations = sorted({each.operation for each in found})
        more = f" and {len(operations) - IN_FULL} more operations" if len(operations) > IN_FULL else ""
        yield f"      {len(found):>5}  {kind.title} ({kind.name})"
        yield f"             {', '.join(operations[:IN_FULL])}{more}"


def into_json(found: dict[str, Any], report: SweepReport) -> dict[str, Any]:
    """Schemathesis's JSON report with the findings among its failures, and with each sweep's results."""
    failures = [
        {
            "type": f"{each[0].sweep}/{kind.name}",
            "code": f"{each[0].sweep}/{kind.name}",
            "title": kind.title,
            "severity": kind.severity,
            "count": len(each),
            "operations": sorted({finding.operation for finding in each}),
            "reproduce": {finding.operation: _again(finding) for finding in each},
        }
        for kind, each in by_kind(report.findings)
    ]
    sweeps = {result.sweep: _result(result) for result in report.results}
    return {**found, "failures": [*found.get("failures", ()), *failures], "sweeps": sweeps}


def _result(result: Result) -> dict[str, Any]:
    return {
        "tried": result.tried,
        "finished": not result.unfinished,
        "not_tried": result.untried,
        "not_held": [_finding(each) for each in result.not_held],
        "findings": [_finding(each) for each in result.found],
    }


def _finding(finding: Finding) -> dict[str, Any]:
    exchanges = [
        {"curl": each.curl, "user": each.user, "status": each.answer.status, "answer": each.answer.shown}
        for each in finding.exchanges
    ]
    return {
        "kind": finding.kind.name,
        "severity": finding.kind.severity,
        "operation": finding.operation,
        "detail": finding.detail,
        "exchanges": exchanges,
    }


def into_junit(path: Path, report: SweepReport) -> None:
    """Add a suite to a JUnit file, or begin one: a case for each sweep and operation with a finding."""
    root = ElementTree.parse(path).getroot() if path.is_file() else ElementTree.Element("testsuites")  # noqa: S314 - ours
    cases = [(result, *case) for result in report.results for case in _cases(result)]
    failed = sum(bool(found) for _, _, found in cases)
    counts = {"tests": str(len(cases)), "failures": str(failed), "errors": "0", "skipped": "0"}
    suite = ElementTree.SubElement(root, "testsuite", {"name": "sweeps", **counts})
    for name, value in counts.items():
        root.set(name, str(int(root.get(name, "0")) + int(value)))
    for result, operation, found in cases:
        name = f"{result.sweep}: {operation}" if operation else result.sweep
        case = ElementTree.SubElement(suite, "testcase", {"name": name, "classname": result.sweep})
        for finding in found:
            failure = ElementTree.SubElement(case, "failure", {"message": finding.kind.title})
            failure.text = "\n".join(_legible(line) for line in _indented(finding))
    ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def _cases(result: Result) -> Iterator[tuple[str, list[Finding]]]:
    if not result.found:
        yield "", []
    for operation in dict.fromkeys(each.operation for each in result.found):
        yield operation, [each for each in result.found if each.operation == operation]


def _legible(text: str) -> str:
    """Without what XML cannot have (XML 1.0, section 2.2)."""
    return "".join(
        each if each >= " " or each == "\t" else "?" for each in text if not "\ud800" <= each <= "\udfff"
    )


def into_html(directory: Path, report: SweepReport) -> None:
    """Add a section at the top of the page, or write one."""
    page = directory / "index.html"
    directory.mkdir(parents=True, exist_ok=True)
    whole = page.read_text("utf-8") if page.is_file() else PAGE
    # Above what Schemathesis says of its own part: that it has passed says nothing of the sweeps.
    before, place, after = whole.partition("</header>" if "</header>" in whole else "<main>")
    page.write_text(before + place + "".join(_section(report)) + after, encoding="utf-8")


def _section(report: SweepReport) -> Iterator[str]:
    yield f"<section id='sweeps'><h2>Sweeps: {len(report.findings) or 'nothing'} found</h2><ul>"
    for result in report.results:
        yield f"<li>{html.escape(_counts(result))}"
        if result.untried:
            told = "".join(f"<li>{html.escape(why)}</li>" for why in result.untried)
            yield f"<details><summary>{len(result.untried)} not tried</summary><ul>{told}</ul></details>"
        yield "</li>"
    yield "</ul>"
    for finding in report.findings:
        yield f"<article class='case'><h3>{html.escape(finding.operation)}</h3>"
        yield f"<h4 class='finding-title'>{html.escape(finding.kind.title)}</h4>"
        yield f"<pre class='msg'>{html.escape(finding.detail)}</pre>"
        for exchange in finding.exchanges:
            yield f"<pre class='cmd'>{html.escape(exchange.curl)}</pre>"
            yield f"<pre class='body'>{html.escape(exchange.answer.shown)}</pre>"
        yield "</article>"
    yield "</section>"
