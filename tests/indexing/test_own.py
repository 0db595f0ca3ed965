"""What is found in files, by words and by embeddings, and how long is waited for them."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from echo.credits import OutOfCredits
from echo.errors import BadGateway
from echo.indexing import own
from echo.indexing.results import Results, Searched
from tests.indexing.conftest import Library, MakeFile
from tests.support import documents
from tests.support.chats import new_owner

QUESTION = "How many days of holiday?"


class Embedder:
    """A model that knows two subjects."""

    def __init__(self, name: str = "openAI/m", *, fails: bool = False, poor: str = "") -> None:
        self.name = name
        self.fails = fails
        self.poor = poor
        self.payers: list[str] = []

    async def embed(self, texts: Sequence[str], payer: str) -> list[list[float]]:
        if self.fails:
            raise BadGateway
        if payer == self.poor:
            raise OutOfCredits(0, 1, 1, 60)
        self.payers.append(payer)
        return [[float("holiday" in text.lower()), float("tea" in text.lower()), 0.1] for text in texts]

    def pays(self, payer: str) -> bool:
        return payer != self.poor

    def relevance(self, cosine: float) -> float:
        return max(0.0, cosine)


def find(
    library: Library, files: Sequence[Searched], query: str, embedder: Any = None, **how: Any
) -> Results:
    return asyncio.run(library.index(embedder, **how).find("runner", None, files, query))


def texts(results: Results) -> list[str]:
    return [each.text for each in results.found]


class TestByWords:
    def test_the_fittest_comes_first_with_its_page(self, library: Library, split: MakeFile) -> None:
        rules = split(documents.pdf("Nothing", "Holiday: 28 days a year"), "rules.pdf")
        note = split("Some days are long")
        found = find(library, [note, rules], QUESTION).found
        assert [(each.file.name, each.page, each.text) for each in found] == [
            ("rules.pdf", 2, "Holiday: 28 days a year"),
            ("a.txt", None, "Some days are long"),
        ]
        assert 1 >= found[0].relevance > found[1].relevance > 0

    def test_any_script_case_and_accents(self, library: Library, split: MakeFile) -> None:
        files = [split("Die Gebühr in Zürich"), split("東京都の料金"), split("सेवा शुल्क")]
        for query, text in (("ZURICH gebuhr", 0), ("東京", 1), ("शुल्क", 2)):
            assert texts(find(library, files, query)) == [
                ["Die Gebühr in Zürich", "東京都の料金", "सेवा शुल्क"][text]
            ]

    def test_a_frequent_word_counts_for_little(self, library: Library, split: MakeFile) -> None:
        common = "the report of the year " * 3
        files = [split("\n\n".join([common * 12] * 20)), split("The zebra")]
        assert texts(find(library, files, "the zebra"))[0] == "The zebra"

    def test_five_of_a_file_and_ten_in_all(self, library: Library, split: MakeFile) -> None:
        pages = documents.pdf(*(f"tea {n}" for n in range(8)))
        files = [split(pages, f"{n}.pdf") for n in range(3)]
        found = find(library, files, "tea").found
        assert len(found) == 10
        assert max(sum(each.file is file for each in found) for file in files) == 5

    def test_nothing_fits(self, library: Library, split: MakeFile) -> None:
        file = split("tea")
        for query in ("coffee", "...", "\x00", "$where", ""):
            assert find(library, [file], query) == Results()
        assert find(library, [], "tea") == Results()

    def test_only_in_these_files(self, library: Library, split: MakeFile) -> None:
        mine, other = split("tea of mine"), split("tea of another's")
        assert texts(find(library, [mine], "tea")) == ["tea of mine"]
        # Whose a file is counts as much as its id.
        claimed = Searched({**other.record, "user": mine.record["user"]})
        assert find(library, [claimed], "tea").found == ()

    def test_a_long_question_is_bounded(self, library: Library, split: MakeFile) -> None:
        file = split("tea")
        assert texts(find(library, [file], "tea " + "x1 y2 " * 10_000)) == ["tea"]


class TestByEmbeddings:
    def test_what_points_the_same_way(self, library: Library, split: MakeFile) -> None:
        embedder = Embedder()
        file = split(documents.pdf("Holidays", "Tea and cake", "Nothing"), "a.pdf", embedder=embedder)
        found = find(library, [file], "holiday please", embedder).found
        assert found[0].text == "Holidays"
        assert found[0].relevance == pytest.approx(1.0, abs=0.01)
        assert found[0].page == 1

    def test_by_words_while_the_model_is_away(self, library: Library, split: MakeFile) -> None:
        file = split("Holidays", embedder=Embedder())
        assert texts(find(library, [file], "holiday", Embedder(fails=True))) == ["Holidays"]

    def test_at_the_cost_of_the_owner_and_of_who_asks(self, library: Library, split: MakeFile) -> None:
        embedder = Embedder()
        file = split("Holidays", embedder=embedder)
        find(library, [file], "holiday", embedder)
        assert embedder.payers == [file.owner, "runner"]

    def test_by_words_where_the_owner_has_no_credits(self, library: Library, split: MakeFile) -> None:
        """And not split once more at each search."""
        owner = new_owner()
        poor = Embedder(poor=owner)
        file = split("Holidays", owner=owner, embedder=poor)
        assert texts(find(library, [file], "holiday", poor)) == ["Holidays"]
        assert not asyncio.run(library.indexer(poor).work())
        # With credits again it is embedded when it is searched.
        assert texts(find(library, [file], "holiday", Embedder())) == ["Holidays"]
        assert asyncio.run(library.indexer(Embedder()).work())

    def test_by_words_where_who_asks_has_no_credits(self, library: Library, split: MakeFile) -> None:
        file = split("Holidays", embedder=Embedder())
        assert texts(find(library, [file], "holiday", Embedder(poor="runner"))) == ["Holidays"]

    def test_another_model_embeds_again(self, library: Library, split: MakeFile) -> None:
        file, other = split("Holidays", embedder=Embedder("openAI/old")), Embedder("openAI/new")
        assert texts(find(library, [file], "holiday", other)) == ["Holidays"]
        assert asyncio.run(library.indexer(other).work())
        states = library.shelves.indexes.states(file.owner, [file.file_id])
        assert states[file.file_id].model == "openAI/new"

    def test_too_many_chunks_are_searched_by_words(
        self, library: Library, split: MakeFile, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As on a deployment that has no vector search of its own, which is asked first."""
        assert (own.MOST_EXACT, own.MOST_SCANNED) == (20_000, 100_000)
        monkeypatch.setattr(own, "MOST_EXACT", 0)
        file = split("Holidays", embedder=Embedder())
        assert texts(find(library, [file], "holiday please", Embedder())) == ["Holidays"]
        monkeypatch.setattr(own, "MOST_SCANNED", 0)
        assert texts(find(library, [file], "holiday please", Embedder())) == ["Holidays"]
        assert texts(find(library, [file], "day off: holiday by meaning", Embedder())) == ["Holidays"]
        assert texts(find(library, [file], "leave", Embedder())) == []


class TestMissingFiles:
    def test_one_that_nobody_has_split_is_split_for_the_search(self, library: Library) -> None:
        """An agent of LibreChat's works the same minute."""
        file, index, indexer = library.keep("tea"), library.index(patience=60.0), library.indexer()

        async def asked() -> Results:
            running = asyncio.create_task(indexer.running())
            found = asyncio.create_task(index.find("runner", None, [file], "tea"))
            try:
                while not found.done():
                    await asyncio.sleep(0.01)
                    await indexer.work()
                return await found
            finally:
                running.cancel()

        assert texts(asyncio.run(asked())) == ["tea"]

    def test_the_others_are_searched_meanwhile(self, library: Library, split: MakeFile) -> None:
        waiting, failed, ready = library.keep("tea"), split(b"%PDF-1.4", "a.pdf"), split("tea")
        results = find(library, [waiting, failed, ready], "tea")
        assert texts(results) == ["tea"]
        assert results.missing == ((waiting, "waiting"), (failed, "broken"))

    def test_a_file_that_is_forgotten_is_not_found(self, library: Library, split: MakeFile) -> None:
        file = split("tea")
        library.index().forget(file.owner, [file.record])
        assert library.database.collection("echo_file_chunks").count_documents({}) == 0
        assert find(library, [file], "tea").found == ()
