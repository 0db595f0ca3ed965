"""Findings of a run in SARIF 2.1.0, which code hosts show beside the code."""

from collections.abc import Mapping
from typing import Any

from echo import __version__

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {"critical": "error", "high": "error", "medium": "warning", "low": "note"}


def sarif(report: Mapping[str, Any], document: str) -> dict[str, Any]:
    """A log of the findings in Schemathesis's JSON report; each is of the document, and names its operations."""
    failures = report.get("failures") or []
    rules = {each["type"]: each for each in failures}
    driver = {
        "name": "echo-api contract test",
        "version": __version__,
        "rules": [{"id": name, "shortDescription": {"text": each["title"]}} for name, each in rules.items()],
    }
    results = [result for each in failures for result in _results(each, document)]
    return {"version": "2.1.0", "$schema": SCHEMA, "runs": [{"tool": {"driver": driver}, "results": results}]}


def _results(failure: Mapping[str, Any], document: str) -> list[dict[str, Any]]:
    operations = failure["operations"] if isinstance(failure["operations"], list) else [""]
    location = {"physicalLocation": {"artifactLocation": {"uri": document}, "region": {"startLine": 1}}}
    return [
        {
            "ruleId": failure["type"],
            "level": LEVELS.get(str(failure["severity"]).lower(), "warning"),
            "message": {"text": _told(failure, operation)},
            "locations": [{**location, "logicalLocations": [{"fullyQualifiedName": str(operation)}]}],
        }
        for operation in operations
    ]


def _told(failure: Mapping[str, Any], operation: str) -> str:
    """What was found, and a line that shows it again where the report has one."""
    text = f"{operation}: {failure['title']}" if operation else str(failure["title"])
    again = failure.get("reproduce", {}).get(operation)
    return f"{text}\nReproduce with: {again}" if again else text
