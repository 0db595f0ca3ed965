"""Mail: how it is written, and how it leaves. What it is about is the business of who puts it into the outbox."""

from echo.mail.letter import Letter, write
from echo.mail.post import Post
from echo.mail.sender import MailFailure, Sender, build_sender

__all__ = ["Letter", "MailFailure", "Post", "Sender", "build_sender", "write"]
