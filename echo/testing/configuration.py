"""Schemathesis's own configuration file, with what it cannot know from a document."""

import json
from pathlib import Path

from echo.testing.accounts import BROWSER, USERS

# A request that is valid by its schema may still be refused: a cursor that no page gave (400), a file whose content
# is not what it should be (413, 415, 422), a text that cannot be stored (422), a password that is too common (400), a
# parent in another conversation (422), no speech recogniser (503), no address of a file elsewhere (501), LibreChat's
# rate limits (429), and an address or headers that are too long (414, 431).
REFUSALS = [400, 401, 403, 404, 409, 413, 414, 415, 422, 429, 431, 501, 503]

# By them a user is logged out or gone, and all that follows is refused.
NOT_TRIED = ("logout", "delete_account")


def configuration(
    users: Path,
    *,
    count: int = 2,
    hooks: str | None = None,
    without: tuple[str, ...] = (),
    replaced: tuple[str, ...] = (),
    refusals: bool = True,
    cache: bool = True,
) -> str:
    """The configuration file; `users` is the file in which they are, in the Web Fuzzing Commons form.

    `without` are operations, by their ids, that are not tried, `replaced` checks that hooks stand for. Without
    `refusals` a request may be refused with any status; that a server fails is found once, as such. Without `cache`
    Schemathesis keeps nothing from which `schemathesis replay` could take a request, and does not name that command.
    """
    refused: list[int | str] = [*REFUSALS] if refusals else ["4xx", "5xx"]
    peers = f"peers = {json.dumps(list(USERS[:count]))}\n" if count > 1 else ""
    named = f"hooks = {json.dumps(hooks)}\n" if hooks else ""
    # In one: a document that has none of them alone is not warned of.
    left_out = (
        f"[[operations]]\ninclude-operation-id = {json.dumps(list(without))}\nenabled = false\n"
        if without
        else ""
    )
    expected = {
        # A redirect answers too: that a login has failed is told on the page that it leads to.
        "positive_data_acceptance": ["2xx", "3xx", *refused],
        "not_a_server_error": ["2xx", "3xx", "4xx", 501, 503],
        "negative_data_rejection": [*refused, 405],
    }
    no_cache = "[cache]\nenabled = false\n"
    checks = "".join(
        f"[checks.{name}]\n"
        + ("enabled = false\n" if name in replaced else "")
        + (f"expected-statuses = {json.dumps(expected[name])}\n" if name in expected else "")
        for name in dict.fromkeys((*expected, *replaced))
    )
    return f"""color = false
{named}headers = {{ User-Agent = {json.dumps(BROWSER)} }}
[auth.wfc]
path = {json.dumps(str(users))}
{peers}refresh_interval = 60
{checks}{left_out}{"" if cache else no_cache}"""
