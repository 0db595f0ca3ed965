"""What providers tell beside the words: only what is whole and of the right kind is passed on."""

from typing import Any

import pytest

from echo.providers.events import AudioDelta, Cited, Logprobs
from echo.providers.likelihood import cited, logprobs_of, spoken_aloud
from echo.providers.parts import Citation


def token(text: str = "a", likely: Any = -0.5, **more: Any) -> dict[str, Any]:
    return {"token": text, "logprob": likely, **more}


class TestLikelihoods:
    def test_are_of_the_tokens_with_what_might_have_been_written(self) -> None:
        told = {
            "content": [
                token(
                    "é", -0.25, bytes=[195, 169], top_logprobs=[token("é", -0.25), token("e", -2)], other=1
                ),
                token(likely=0),
            ],
            "refusal": [token("no", bytes=[256])],
        }
        assert logprobs_of(told, 3) == Logprobs(
            [
                {
                    "token": "é",
                    "logprob": -0.25,
                    "bytes": [195, 169],
                    "top_logprobs": [
                        {"token": "é", "logprob": -0.25, "bytes": None},
                        {"token": "e", "logprob": -2, "bytes": None},
                    ],
                },
                {"token": "a", "logprob": 0, "bytes": None, "top_logprobs": []},
            ],
            [{"token": "no", "logprob": -0.5, "bytes": None, "top_logprobs": []}],
            3,
        )

    def test_of_a_refusal_alone_are_some(self) -> None:
        found = logprobs_of({"content": None, "refusal": [token()]}, 0)
        assert found is not None
        assert (len(found.content), len(found.refusal)) == (0, 1)

    @pytest.mark.parametrize(
        "wrong",
        [
            token(likely=True),
            token(likely="-1"),
            token(likely=float("nan")),
            token(likely=float("-inf")),
            {"token": 7, "logprob": -1},
            {"logprob": -1},
            "a",
        ],
        ids=str,
    )
    def test_that_are_none_are_left_out(self, wrong: Any) -> None:
        assert logprobs_of({"content": [wrong]}, 0) is None
        found = logprobs_of({"content": [wrong, token("b", top_logprobs=[wrong, token("c")])]}, 0)
        assert found is not None
        [only] = found.content
        assert (only["token"], [each["token"] for each in only["top_logprobs"]]) == ("b", ["c"])

    @pytest.mark.parametrize("told", [[-1], [1.0], [True], [255, "1"], "ab"], ids=str)
    def test_have_bytes_that_are_bytes(self, told: Any) -> None:
        found = logprobs_of({"content": [token(bytes=told), token(bytes=[0, 255])]}, 0)
        assert found is not None
        assert [each["bytes"] for each in found.content] == [None, [0, 255]]

    def test_are_at_most_twenty_at_each_place(self) -> None:
        found = logprobs_of({"content": [token(top_logprobs=[token(str(each)) for each in range(21)])]}, 0)
        assert found is not None
        assert [each["token"] for each in found.content[0]["top_logprobs"]] == [
            str(each) for each in range(20)
        ]

    @pytest.mark.parametrize("told", [None, {}, [], {"content": []}, {"content": {"token": "a"}}], ids=str)
    def test_that_are_not_told_are_none(self, told: Any) -> None:
        assert logprobs_of(told, 0) is None


class TestSound:
    def test_is_passed_on_piece_by_piece(self) -> None:
        told = {"id": "audio_1", "data": "AAAA", "transcript": "Hel", "expires_at": 1_900_000_000}
        assert spoken_aloud(told, 2) == [AudioDelta("audio_1", "AAAA", "Hel", 1_900_000_000, 2)]
        assert spoken_aloud({"data": "AAAA", "id": "", "expires_at": 1.5}, 0) == [AudioDelta(None, "AAAA")]
        assert spoken_aloud({"expires_at": 1}, 0) == [AudioDelta(expires_at=1)]

    @pytest.mark.parametrize("told", [None, {}, {"data": 7, "expires_at": True}, "x"], ids=str)
    def test_of_nothing_is_none(self, told: Any) -> None:
        assert spoken_aloud(told, 1) == []


class TestSources:
    def test_are_those_with_an_address(self) -> None:
        first = {"url": "https://a.example", "title": "A", "start_index": 0, "end_index": 2**53 - 1}
        second = {"url": "https://b.example", "title": 7, "start_index": -1, "end_index": 2**53}
        third = {"url": "https://c.example", "start_index": True, "end_index": 1.0}
        listed = [{"url_citation": each} for each in (first, {"url": "", "title": "B"}, second, third)]
        assert cited({"annotations": [*listed, "x", {"url": "https://d.example"}]}, 1) == [
            Cited(Citation("https://a.example", "A", 0, 2**53 - 1), 1),
            Cited(Citation("https://b.example", "", None, None), 1),
            Cited(Citation("https://c.example", "", None, None), 1),
        ]

    @pytest.mark.parametrize(
        "said", [None, {}, {"annotations": {"url_citation": {"url": "https://a"}}}], ids=str
    )
    def test_that_are_not_named_are_none(self, said: Any) -> None:
        assert cited(said, 0) == []
