"""Lines for curl in a report that can be sent again: the access token is in a variable of the shell."""

import json
import shlex

from echo.testing.accounts import BROWSER, USERS, credentials

# As Schemathesis hides a token, on a terminal and in a page.
HIDDEN = (
    ("'Authorization: [Filtered]'", '"Authorization: Bearer $TOKEN"'),
    ("&#x27;Authorization: [Filtered]&#x27;", "&quot;Authorization: Bearer $TOKEN&quot;"),
)


def repeatable(report: str, *, in_xml: bool = False) -> str:
    """A report of Schemathesis whose lines take the token from `$TOKEN`.

    It also names an option of Schemathesis's own command, which would need the file that says how users log in.
    """
    for hidden, shown in HIDDEN:
        # In XML, a line may stand in an attribute.
        report = report.replace(hidden, shown.replace('"', "&quot;") if in_xml else shown)
    for name in USERS:
        report = report.replace(
            f"Identity: {name} (reproduce with --auth-wfc-user {name})", f"Identity: {name}"
        )
    return report


def how_to_repeat(url: str) -> list[str]:
    """What makes the variables of the lines for curl, for people: a line for each of the users."""
    lines = [
        "The lines for curl take access tokens from variables; $TOKEN is that of the one named as Identity."
    ]
    for name in USERS:
        body = shlex.quote(json.dumps(credentials(name)))
        asked = f"curl -s -A {shlex.quote(BROWSER)} -H 'Content-Type: application/json' -d {body}"
        found = r"""sed 's/.*"token":"\([^"]*\)".*/\1/'"""
        lines.append(f"  {name.upper()}_TOKEN=$({asked} {url}/api/auth/login | {found})")
    return lines
