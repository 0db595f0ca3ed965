"""The text of documents, read by libraries in processes of their own that may use little and know nothing."""

from echo.extraction.extractor import Extracted, Extractor
from echo.extraction.pages import Page, Unreadable

__all__ = ["Extracted", "Extractor", "Page", "Unreadable"]
