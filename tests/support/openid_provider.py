"""A certified OpenID provider (`oidc-provider` of npm), and a browser that logs in there by plain HTTP."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import requests

from tests.support import npm

NODE = Path(__file__).parents[1] / "accounts" / "federation" / "node"
SECONDS = 20


@dataclass(frozen=True)
class OpenIdProviderProcess:
    """The running provider: its clients are in `provider.mjs`."""

    url: str

    def set_claims(self, subject: str, **claims: Any) -> None:
        """What it says of a user from now on."""
        answer = requests.put(f"{self.url}/claims/{subject}", data=json.dumps(claims), timeout=SECONDS)
        assert answer.status_code == 204

    def log_in(self, address: str, subject: str, *, callback: str) -> str:
        """Log in as a browser would that was sent to an address, agree, and come back: where to."""
        with requests.Session() as browser:
            answer = browser.get(address, timeout=SECONDS, allow_redirects=False)
            for _ in range(12):
                if location := answer.headers.get("Location"):
                    target = urljoin(answer.url, location)
                    if target.startswith(callback):
                        return target
                    answer = browser.get(target, timeout=SECONDS, allow_redirects=False)
                    continue
                assert answer.status_code == 200, answer.text
                (action,) = re.findall(r'<form[^>]* action="([^"]+)" method="post">', answer.text)[:1]
                (prompt,) = re.findall(r'name="prompt" value="([a-z]+)"', answer.text)[:1]
                form = {"prompt": prompt, "login": subject, "password": "any"}
                answer = browser.post(
                    urljoin(answer.url, action), data=form, timeout=SECONDS, allow_redirects=False
                )
        raise AssertionError("the provider does not come to an end")


@contextmanager
def openid_provider(cache: Path, *, callback: str, logout: str) -> Iterator[OpenIdProviderProcess]:
    """Run it; its packages are installed in `cache` once."""
    directory = npm.install(NODE, cache, ["provider.mjs"])
    process = subprocess.Popen(
        ["node", "--no-warnings", "provider.mjs", callback, logout],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "NODE_ENV": "test"},
        text=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port.isdecimal(), port
        yield OpenIdProviderProcess(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.communicate(timeout=SECONDS)
