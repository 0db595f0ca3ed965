"""HTTP headers that the operator adds to requests to a provider."""

import re

from echo.settings.librechat.config import ConfigFile
from echo.settings.librechat.document import Place
from echo.settings.librechat.expansion import PLACEHOLDER
from echo.settings.librechat.fields import Loaded

# RFC 9110, section 5.5, in ASCII: with a line break in it, a value would be two headers.
VALUE = re.compile(r"[\x21-\x7e]([\t\x20-\x7e]*[\x21-\x7e])?")


def read_headers(config: ConfigFile, place: Place, headers: Loaded) -> dict[str, str]:
    """The headers with their variables' values.

    One with a placeholder such as `{{LIBRECHAT_USER_ID}}` is left out: what it stands for differs from user to user,
    could be secret, and sent as it stands would mean nothing.
    """
    made = {}
    for name, text in headers.items():
        here: Place = (*place, name)
        if PLACEHOLDER.search(text):
            config.warn(here, "holds a placeholder, which Echo does not fill in: the header is not sent")
            continue
        value = config.expand(here, text, "the header is not sent")
        if value and not VALUE.fullmatch(value):
            config.refuse(here, "must be one line of ASCII")
        elif value:
            made[name] = value
    return made
