"""E-mail (RFC 5322), by the standard library."""

from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import BinaryIO

from echo.extraction.pages import Page
from echo.extraction.readers.markup import shown

HEADERS = ("Date", "From", "To", "Cc", "Subject")
MOST_ATTACHMENTS = 100


def read(stream: BinaryIO) -> Iterator[Page]:
    """Who wrote to whom, what, and which files went with it; not what is in these."""
    parser: BytesParser[EmailMessage] = BytesParser(policy=policy.default)
    mail = parser.parse(stream)
    lines = [f"{name}: {mail[name]}" for name in HEADERS if mail[name]]
    names = [each.get_filename() for each in mail.iter_attachments()] if mail.is_multipart() else []
    lines += [f"Attachment: {name}" for name in names[:MOST_ATTACHMENTS] if name]
    yield Page("\n".join([*lines, "", _body(mail)]))


def _body(mail: EmailMessage) -> str:
    body = mail.get_body(preferencelist=("plain", "html"))
    if body is None:
        return ""
    try:
        content = body.get_content()
    except (LookupError, UnicodeError):
        content = body.get_payload(decode=True)
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else str(content)
    return shown(text) if body.get_content_subtype() == "html" else text
