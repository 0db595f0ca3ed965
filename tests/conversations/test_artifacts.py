"""Artifacts in the text of an answer: found, and edited without a change of anything else."""

import pytest

from echo.conversations.artifacts import Artifact, find_all, replaced
from tests.support.growth import grows_no_faster

FENCED = ':::artifact{title="Sum"}\n```js\n1 + 1\n```\n:::'


def contents(text: str) -> list[str]:
    return [text[each.begin : each.end] for each in find_all(text)]


class TestFindAll:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("no artifact :::", []),
            (FENCED, ["1 + 1"]),
            (f"a\n{FENCED}\nb\n{FENCED}", ["1 + 1", "1 + 1"]),
            (":::artifact\nplain\ntext\n:::\nafter", ["plain\ntext\n"]),
            # A mark within a fence is content; a longer fence may hold a shorter one.
            (":::artifact\n````md\n:::\n```\nx\n```\n:::\n````\n:::", [":::\n```\nx\n```\n:::"]),
            (":::artifact\n~~~\nx\n~~~\n  :::  ", ["x"]),
            # A fence that is never closed ends with the artifact.
            (":::artifact\n```js\n1 + 1\n:::\nafter", ["1 + 1\n"]),
            # What stands after the fence is content too.
            (":::artifact\n```\nx\n```\nmore\n:::", ["```\nx\n```\nmore\n"]),
            # An answer that was cut short.
            (":::artifact\n```js\n1 + 1", ["1 + 1"]),
            (":::artifact", [""]),
            (":::artifact\n:::", [""]),
            (":::artifact\n```\n```\n:::", [""]),
        ],
    )
    def test_gives_what_stands_between_the_marks(self, text: str, found: list[str]) -> None:
        assert contents(text) == found

    @pytest.mark.parametrize(
        "piece", [":::artifact\n", ":::artifact", "\n", "```\n", ":::\n", ":::artifact\n```\n:::\n", " ", "`"]
    )
    def test_in_linear_time(self, piece: str) -> None:
        def read(text: str) -> None:
            for artifact in find_all(text):
                replaced(text, artifact, "x" * 100, "y")
                break
            list(find_all(text))

        assert grows_no_faster(read, lambda size: ":::artifact\n" + piece * size, 2_000)


class TestReplaced:
    def edit(self, text: str, original: str, updated: str, index: int = 0) -> str | None:
        return replaced(text, list(find_all(text))[index], original, updated)

    def test_only_in_the_artifact_that_is_meant(self) -> None:
        text = f"1 + 1\n{FENCED}\n{FENCED}"
        assert self.edit(text, "1 + 1", "1 + 2", 1) == f"1 + 1\n{FENCED}\n{FENCED.replace('+ 1', '+ 2')}"

    @pytest.mark.parametrize("original", ["1 + 1", "1 + 1\n"])
    @pytest.mark.parametrize("updated", ["2", "2\n", "2\n\n\n"])
    def test_the_fence_stays_on_a_line_of_its_own(self, original: str, updated: str) -> None:
        assert self.edit(FENCED, original, updated) == FENCED.replace("1 + 1", "2")

    def test_blanks_at_the_end_are_content(self) -> None:
        assert self.edit(FENCED, "1 + 1", "2 \t\n\n") == FENCED.replace("1 + 1", "2 \t")

    def test_a_part_of_the_content(self) -> None:
        text = ":::artifact\n```\na\nb\nc\n```\n:::"
        assert self.edit(text, "b", "B\n") == ":::artifact\n```\na\nB\n\nc\n```\n:::"

    def test_signs_of_currencies_that_the_client_escaped(self) -> None:
        text = FENCED.replace("1 + 1", "cost = '$5'")
        assert self.edit(text, "cost = '\\$5'", "cost = '\\$6'") == FENCED.replace("1 + 1", "cost = '$6'")

    def test_what_is_escaped_in_the_artifact_itself_stays_so(self) -> None:
        text = FENCED.replace("1 + 1", "echo \\$HOME")
        assert self.edit(text, "echo \\$HOME", "echo \\$PATH") == FENCED.replace("1 + 1", "echo \\$PATH")

    def test_what_is_not_there_is_none(self) -> None:
        assert self.edit(FENCED, "2 + 2", "x") is None
        assert self.edit(FENCED, "", "x") is None
        assert self.edit(FENCED, "js", "x") is None

    def test_an_empty_one_is_filled(self) -> None:
        assert self.edit(":::artifact\n```\n```\n:::", "", "x") == ":::artifact\n```\nx\n```\n:::"
        assert replaced("", Artifact(0, 0), "", "x") == "x"
