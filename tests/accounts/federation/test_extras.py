"""Echo without the extras that logins by others need."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
LIBRARIES = ("authlib", "joserfc", "ldap3", "onelogin", "xmlsec", "lxml")
SCRIPT = f"""
import sys
sys.modules |= dict.fromkeys({LIBRARIES!r})
import echo.accounts.assembly, handlers.librechat.oauth
"""


def test_nothing_needs_them_that_is_always_imported() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], cwd=ROOT, check=True)
