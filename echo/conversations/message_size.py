"""How long a message may be that somebody writes."""

from echo.errors import PayloadTooLarge


def check_size(text: str, most: int) -> None:
    """Raise `PayloadTooLarge` (`message_too_long`) for a text of more than `most` bytes in UTF-8."""
    # No character has more than four bytes; counting them is for the few long texts.
    if len(text) * 4 > most and len(text.encode()) > most:
        raise PayloadTooLarge(f"A message may have at most {most} bytes.", code="message_too_long")
