"""What leaves is one message to one address, whatever names and titles hold."""

from email import message_from_bytes
from email.policy import SMTP

import pytest

from echo.mail import Letter, write
from echo.mail.letter import one_line
from echo.settings import MailSettings, SmtpSettings

SERVER = SmtpSettings("localhost", 25)
SETTINGS = MailSettings(SERVER, "echo@example.com", "Echo", "Echo", "Ask us: help@example.com")
LETTER = Letter(
    "Subject", ("First.", "Second."), "https://x.example/a?b=1&c=2", "Go", ("Below.",), name="Ada"
)


class TestWrite:
    def test_has_the_headers_that_a_mail_needs(self) -> None:
        message = write(LETTER, "ada@example.com", SETTINGS)
        assert (message["From"], message["To"]) == ("Echo <echo@example.com>", "ada@example.com")
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["Message-ID"].endswith("@example.com>")
        assert message["Date"]

    def test_says_the_same_as_text_and_as_html(self) -> None:
        message = write(LETTER, "ada@example.com", SETTINGS)
        assert message.get_content_type() == "multipart/alternative"
        plain, html = (part.get_content() for part in message.iter_parts())
        assert plain == (
            "Hello Ada,\n\nFirst.\n\nSecond.\n\nhttps://x.example/a?b=1&c=2\n\nBelow.\n\n"
            "-- \nEcho · Ask us: help@example.com\n"
        )
        for text in ("Hello Ada,", "First.", "Second.", "Below.", "Echo · Ask us: help@example.com"):
            assert text in html
        assert 'href="https://x.example/a?b=1&amp;c=2">Go</a>' in html

    def test_html_of_others_is_text(self) -> None:
        bad = "<script>alert('x')</script>"
        settings = MailSettings(SERVER, "echo@example.com", bad, bad, f"{bad}&")
        html = write(Letter(bad, (bad,), f"https://x/{bad}", bad, (bad,), bad), "a@example.com", settings)
        [_, part] = html.iter_parts()
        assert "<script" not in part.get_content()
        assert "&lt;script&gt;" in part.get_content()

    @pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\u2028", "\x0b", "\x85", "\0"])
    def test_no_name_or_title_adds_a_header(self, break_: str) -> None:
        bad = f"x{break_}Bcc: eve@example.com"
        settings = MailSettings(SERVER, "echo@example.com", bad, bad)
        sent = write(Letter(bad, (bad,), name=bad), "ada@example.com", settings).as_bytes(policy=SMTP)
        read = message_from_bytes(sent, policy=SMTP)
        assert read["Bcc"] is None
        assert read["Subject"] == "x Bcc: eve@example.com"
        assert [each.addr_spec for each in read["From"].addresses] == ["echo@example.com"]

    @pytest.mark.parametrize(
        "address", ["a@x.example\r\nBcc: e@x.example", "a@x.example, b@x.example", "nobody@", ""]
    )
    def test_an_address_is_one_or_none(self, address: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            write(LETTER, address, SETTINGS)


class TestOneLine:
    def test_is_short_and_reads_one_way(self) -> None:
        assert one_line("a\u202e\tb\r\n c ") == "a b c"
        assert one_line("x" * 300) == "x" * 199 + "…"
