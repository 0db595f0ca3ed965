"""Mail servers of each kind, one for all tests."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.support.mail import MailServer, mail_server, trust


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, MailServer]]:
    with ExitStack() as stack:
        yield {kind: stack.enter_context(mail_server(kind)) for kind in ("plain", "starttls", "tls")}


@pytest.fixture
def trusted(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine trusts the authority of the servers."""
    monkeypatch.setenv("SSL_CERT_FILE", str(trust(tmp_path_factory.mktemp("authority"))))
