"""How many tokens a text has, counted offline: the vocabulary comes with the library."""

# The encoding that LibreChat counts with where it does not know the model.
ENCODING = "cl100k_base"


def count_tokens(text: str) -> int:
    """The number of tokens; a lone surrogate, which no model could be sent, counts as its replacement."""
    # Imported on first use: the vocabulary takes a third of a second, and many processes never count.
    import toktok  # noqa: PLC0415

    clean = text.encode("utf-8", "replace").decode()
    return int(toktok.batch_count([clean], ENCODING, threads=1)[0])
