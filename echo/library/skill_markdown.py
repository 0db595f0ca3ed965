"""`SKILL.md`: Markdown that says in its front matter, as YAML, what the skill is called and what it is for."""

import re
from dataclasses import dataclass
from typing import Any

from echo.errors import FieldError, InvalidRequest
from echo.settings.librechat.document import parse
from echo.settings.reader import ConfigFileError

SKILL_MD = "SKILL.md"
# What LibreChat's model takes.
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
MAX_DESCRIPTION, MAX_BODY = 1024, 100_000
MAX_FRONT_MATTER = 64 * 1024
_OPENING = re.compile(r"\s*---[ \t]*\n")
_CLOSING = re.compile(r"^---[ \t]*$", re.MULTILINE)
# The second is what people write for the first.
_ALWAYS = ("always-apply", "alwaysapply")


@dataclass(frozen=True)
class SkillText:
    """What a new skill is made of."""

    name: str
    description: str
    body: str
    always_apply: bool

    @property
    def fields(self) -> dict[str, Any]:
        """As `Skills.create` takes it."""
        return {
            "name": self.name,
            "description": self.description,
            "body": self.body,
            "alwaysApply": self.always_apply,
        }


def read_skill(content: bytes, fallback: str) -> SkillText:
    """The skill in a file, whose whole text is its body, as in LibreChat.

    One whose front matter does not name it is called like the file, `fallback`. Raises `InvalidRequest`.
    """
    if len(content) > MAX_BODY * 4:
        raise refused("file", f"has a {SKILL_MD} of more than {MAX_BODY} characters")
    try:
        body = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise refused("file", "has text that is not UTF-8") from error
    front = {name.lower(): value for name, value in front_matter(body).items()}
    name = _text(front.get("name")) or re.sub(r"[^a-z0-9-]", "-", fallback.lower()).lstrip("-")
    description = _text(front.get("description", front.get("when-to-use"))) or name
    always = next((front[key] for key in _ALWAYS if front.get(key) is not None), False)
    if not NAME.fullmatch(name):
        raise refused("name", "must be of lower case letters, digits and hyphens, 64 at most")
    if len(description) > MAX_DESCRIPTION:
        raise refused("description", f"must have at most {MAX_DESCRIPTION} characters")
    if len(body) > MAX_BODY or "\x00" in body:
        raise refused("body", f"must have at most {MAX_BODY} characters and no NUL")
    if not isinstance(always, bool):
        raise refused("frontmatter.always-apply", "must be true or false")
    return SkillText(name, description, body, always)


def front_matter(text: str) -> dict[str, Any]:
    """What stands between lines of hyphens at the beginning; nothing if there are none. Raises `InvalidRequest`."""
    opening = _OPENING.match(text)
    closing = _CLOSING.search(text, opening.end()) if opening else None
    if opening is None or closing is None:
        return {}
    block = text[opening.end() : closing.start()]
    if len(block) > MAX_FRONT_MATTER:
        raise refused("frontmatter", f"must have at most {MAX_FRONT_MATTER} characters")
    try:
        data: dict[str, Any] = parse(block, SKILL_MD).data
    except ConfigFileError as error:
        raise refused("frontmatter", str(error)[:500]) from error
    return {str(name): value for name, value in data.items()}


def refused(field: str, message: str) -> InvalidRequest:
    """The error for a file that is no skill."""
    return InvalidRequest(errors=(FieldError(field, message),))


def _text(value: Any) -> str:
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
