"""How a document falls into families of operations, and what is run of each."""

from pathlib import Path
from typing import Any

from echo.testing.running import Outcome, Plan
from tests.contract.families import families_of, plans_of, strange, told

LINKED = {"200": {"description": "Made", "links": {"self": {"operationId": "get_tag"}}}}
PLAIN = {"200": {"description": "There"}}
DOCUMENT: dict[str, Any] = {
    "paths": {
        "/tags": {
            "post": {"operationId": "create_tag", "tags": ["Tags", "Marks"], "responses": LINKED},
            "parameters": [],
        },
        "/tags/{tag}": {"get": {"operationId": "get_tag", "tags": ["Tags"], "responses": PLAIN}},
        # It links to an operation of another family.
        "/marks": {"post": {"operationId": "create_mark", "tags": ["Marks"], "responses": LINKED}},
        "/health": {"get": {"responses": PLAIN}},
    }
}
PLAN = Plan(Path("openapi.json"), seconds=190, seed=7)


def test_a_family_are_the_operations_of_a_first_tag() -> None:
    assert families_of(DOCUMENT) == {
        "Tags": ("create_tag", "get_tag"),
        "Marks": ("create_mark",),
        "without a tag": ("GET /health",),
    }


class TestPlansOf:
    def test_families_share_the_time_by_the_number_of_their_operations(self) -> None:
        plans = plans_of(PLAN, DOCUMENT)
        assert {name: [each.seconds for each in of_one] for name, of_one in plans.items()} == {
            "Tags": [35, 35],
            "Marks": [60],
            "without a tag": [60],
        }

    def test_links_within_a_family_are_followed_by_themselves(self) -> None:
        plans = plans_of(PLAN, DOCUMENT)
        others = ("examples", "coverage", "fuzzing")
        assert [each.phases for each in plans["Tags"]] == [("stateful",), others]
        assert [each.phases for each in plans["Marks"]] == [others]

    def test_each_is_the_plan_with_the_operations_of_a_family(self) -> None:
        assert plans_of(PLAN, DOCUMENT)["Marks"] == (
            Plan(
                Path("openapi.json"),
                seconds=60,
                seed=7,
                phases=("examples", "coverage", "fuzzing"),
                only=("create_mark",),
            ),
        )

    def test_those_that_are_named_have_all_the_time(self) -> None:
        plans = plans_of(PLAN, DOCUMENT, ["Marks"])
        assert {name: [each.seconds for each in of_one] for name, of_one in plans.items()} == {"Marks": [190]}

    def test_none_is_left_without_time(self) -> None:
        plans = plans_of(Plan(Path("openapi.json"), seconds=1), DOCUMENT)
        assert [each.seconds for of_one in plans.values() for each in of_one] == [1, 1, 1, 1]


class TestTold:
    PLANS = plans_of(PLAN, DOCUMENT)["Tags"]

    def test_one_line_where_nothing_is_found(self) -> None:
        assert told("Tags", self.PLANS, Outcome(0, "curl")) == "Tags: 2 operations, 70 s: nothing found\n"

    def test_the_whole_report_where_something_is(self) -> None:
        assert told("Tags", self.PLANS, Outcome(1, "curl")) == "Tags: 2 operations, 70 s: FOUND\ncurl\n"


def test_names_of_no_family_are_strange() -> None:
    assert strange(["Tags", "Tag", "Agents"], DOCUMENT) == ["Agents", "Tag"]
