"""How many tokens a text has, counted offline: the vocabulary comes with the library."""

from concurrent.futures import ThreadPoolExecutor

# The encoding that LibreChat counts with where it does not know the model.
ENCODING = "cl100k_base"
# The library keeps 17 MB for each thread that counts at the same time as another, beside the 40 MB of the vocabulary.
# One thread is enough: it counts about ten million tokens a second. A lock in its place is no less: the library takes
# 17 MB more for the second thread that it sees.
_counting = ThreadPoolExecutor(1, thread_name_prefix="echo-tokens")


def count_tokens(text: str) -> int:
    """The number of tokens; a lone surrogate, which no model could be sent, counts as its replacement."""
    return _counting.submit(_count, text.encode("utf-8", "replace").decode()).result()


def load_vocabulary() -> None:
    """Load it in the calling thread, for the processes that will be forked from this one: they share its memory."""
    _count("")


def _count(text: str) -> int:
    # Imported on first use: the vocabulary takes a fifth of a second, and commands never count.
    import toktok  # noqa: PLC0415

    return int(toktok.batch_count([text], ENCODING, threads=1)[0])
