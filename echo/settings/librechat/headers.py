"""HTTP headers that the operator adds to requests to a provider."""

import re
from typing import NamedTuple

from echo.settings.endpoints import HeaderTemplate
from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.document import Place
from echo.settings.librechat.fields import Loaded
from echo.settings.librechat.placeholders import PLACEHOLDER, PLACEHOLDERS

# RFC 9110, section 5.5, in ASCII: with a line break in it, a value would be two headers.
VALUE = re.compile(r"[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?")
PART = re.compile(r"[\t\x20-\x7e]*")
# In the place of a placeholder while variables are expanded: what a variable holds is no placeholder.
MARK = "\0"


class Headers(NamedTuple):
    """The headers that are the same for everybody, and those to fill in for each request."""

    fixed: dict[str, str]
    personal: dict[str, HeaderTemplate]

    def over(self, other: "Headers") -> "Headers":
        """These and the others; of two of one name these count."""
        fixed = {name: value for name, value in other.fixed.items() if name not in self.personal}
        personal = {name: value for name, value in other.personal.items() if name not in self.fixed}
        return Headers({**fixed, **self.fixed}, {**personal, **self.personal})


def read_headers(config: ConfigFile, place: Place, headers: Loaded) -> Headers:
    """The headers with their variables' values.

    One with a placeholder that Echo does not fill in is left out: sent as it stands it would mean nothing.
    """
    made = Headers({}, {})
    for name, text in headers.items():
        here: Place = (*place, name)
        names = PLACEHOLDER.findall(text)
        if not PLACEHOLDERS.issuperset(names):
            config.warn(here, "holds a placeholder, which Echo does not fill in: the header is not sent")
            continue
        value = config.expand(here, PLACEHOLDER.sub(MARK, text), "the header is not sent")
        if not value:
            continue
        texts = value.split(MARK)
        if len(texts) != len(names) + 1 or not all(map(PART.fullmatch, texts)):
            config.refuse(here, "must be one line of ASCII")
        elif names:
            made.personal[name] = HeaderTemplate(tuple(texts), tuple(names))
        elif VALUE.fullmatch(value):
            made.fixed[name] = value
        else:
            config.refuse(here, "must be one line of ASCII")
    return made
