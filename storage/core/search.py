"""What a user searches for: plain text in any script, of which case, accents and Unicode's forms do not matter."""

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from itertools import islice

from pymongo.cursor import Cursor

from storage.core.database import Document
from storage.core.errors import InvalidDocument
from storage.core.folding import fold, pattern
from storage.core.portions import PAGE_BYTES, take_within
from storage.core.stop import Stop

# What there is of a document to search in; of its values only texts count.
Texts = Callable[[Document], Iterable[object]]

# Of a longer text the beginning counts.
MAX_CHARACTERS = 2000
# MongoDB tries a pattern at each place of a text, and cannot be stopped within one document: of three million equal
# letters it reads a pattern of twelve in two seconds, one of two thousand in half a minute.
MAX_PATTERN = 12


class Search:
    """One text that is sought, blanks around it left out.

    The filter holds for whatever contains the text; where it is not `exact`, what it finds must be asked `found_in`,
    which takes time in proportion to the text alone. Raises `InvalidDocument` for what is no text in Unicode.
    """

    def __init__(self, text: str) -> None:
        self.text = (text.strip() or text)[:MAX_CHARACTERS]
        try:
            self.text.encode()
        except UnicodeEncodeError as error:
            raise InvalidDocument(str(error)) from error
        self._pattern, self.exact = pattern(self.text, MAX_PATTERN)

    def within(self, *fields: str) -> Document:
        """The filter for documents with the text, or its first characters, in one of the fields."""
        return {"$or": [{field: {"$regex": self._pattern, "$options": "i"}} for field in fields]}

    def first(
        self, most: int, rows: Cursor[Document], texts: Texts, stop: Stop
    ) -> tuple[list[Document], bool]:
        """The first of the rows that the filter finds and that hold the text, and whether those are all.

        Fewer where they have more bytes than a page may (`PAGE_BYTES`). Raises `TookTooLong`.
        """
        with rows:
            if self.exact:
                return take_within(rows.limit(most), PAGE_BYTES)
            return take_within(islice(self.holding(rows, texts, stop), most), PAGE_BYTES)

    def holding(self, rows: Iterable[Document], texts: Texts, stop: Stop) -> Iterator[Document]:
        """Those of the rows that hold the whole text. Raises `TookTooLong`."""
        for row in rows:
            stop.check()
            if self.found_in(texts(row)):
                yield row

    def found_in(self, texts: Iterable[object]) -> bool:
        """Whether one of these, if it is a text, contains the whole."""
        return any(isinstance(text, str) and self._folded in fold(text) for text in texts)

    @cached_property
    def _folded(self) -> str:
        return fold(self.text)
