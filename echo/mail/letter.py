"""What a mail says, and how it is written: as plain text, and as HTML that needs nothing from elsewhere."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, localtime, make_msgid
from html import escape

from echo.settings import MailSettings

# What would end a line, or change how it reads: controls, separators of lines, and marks of direction.
UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
LONGEST_NAME = 80
BODY = "margin:0;padding:24px;background:#f4f4f5;color:#18181b;font:16px/1.5 sans-serif"
CARD = "max-width:560px;margin:0 auto;padding:24px;background:#ffffff;border-radius:8px"
BUTTON = "display:inline-block;padding:12px 20px;background:#18181b;color:#ffffff;border-radius:6px"
SMALL = "color:#52525b;font-size:13px;overflow-wrap:anywhere"


@dataclass(frozen=True)
class Letter:
    """One mail's content: a subject, paragraphs, a link with its label if there is one, and what stands below it."""

    subject: str
    paragraphs: tuple[str, ...]
    link: str | None = field(default=None, repr=False)
    label: str = ""
    below: tuple[str, ...] = ()
    name: str | None = None


def one_line(text: str, longest: int = 200) -> str:
    """Text that may be anybody's as it may stand in a line or a header: on one line, and not too long."""
    plain = " ".join(UNFIT.sub(" ", text).split())
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"


def write(letter: Letter, to: str, settings: MailSettings) -> EmailMessage:
    """The message (RFC 5322) with both forms of the text. Raises `ValueError` for an address that is none."""
    message = EmailMessage()
    message["From"] = Address(one_line(settings.from_name), addr_spec=settings.from_address)
    message["To"] = checked(to)
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=sender_domain(settings))
    # RFC 3834: nobody's holiday notice shall answer it.
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(as_text(letter, settings))
    message.add_alternative(as_html(letter, settings), subtype="html")
    return message


def checked(address: str) -> Address:
    """The address, with its domain in ASCII unless its local part is not. Raises `ValueError` if it is none."""
    # Imported here: the command line needs it only where it writes.
    from email_validator import validate_email  # noqa: PLC0415

    found = validate_email(address, check_deliverability=False, test_environment=True)
    domain = found.ascii_domain if found.local_part.isascii() else found.domain
    return Address(username=found.local_part, domain=domain)


def recipient(message: EmailMessage) -> str:
    """The one address that a message of ours is for."""
    [address] = message["To"].addresses
    return str(address.addr_spec)


def sender_domain(settings: MailSettings) -> str:
    """The domain of who sends, as it may stand in ASCII."""
    domain = settings.from_address.rpartition("@")[2]
    return domain if domain.isascii() else domain.encode("idna").decode()


def as_text(letter: Letter, settings: MailSettings) -> str:
    """The plain text."""
    parts = [_greeting(letter), *letter.paragraphs]
    if letter.link:
        parts.append(letter.link)
    parts += [*letter.below, f"-- \n{_signature(settings)}"]
    return "\n\n".join(parts) + "\n"


def as_html(letter: Letter, settings: MailSettings) -> str:
    """The same in HTML, with everything escaped."""
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>{escape(one_line(letter.subject))}</title></head>'
        f'<body style="{BODY}"><div style="{CARD}">{"".join(_html_parts(letter))}'
        f'<p style="{SMALL}">{escape(_signature(settings))}</p></div></body></html>'
    )


def _html_parts(letter: Letter) -> Iterator[str]:
    for text in (_greeting(letter), *letter.paragraphs):
        yield f"<p>{escape(text)}</p>"
    if letter.link:
        address = escape(letter.link)
        yield f'<p><a style="{BUTTON}" href="{address}">{escape(letter.label)}</a></p>'
        yield f'<p style="{SMALL}">{address}</p>'
    for text in letter.below:
        yield f"<p>{escape(text)}</p>"


def _greeting(letter: Letter) -> str:
    name = one_line(letter.name or "", LONGEST_NAME)
    return f"Hello {name}," if name else "Hello,"


def _signature(settings: MailSettings) -> str:
    return " · ".join(one_line(text, 500) for text in (settings.title, settings.footer) if text)
