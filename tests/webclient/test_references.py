"""Names of images."""

import pytest

from echo.webclient.references import Reference, is_this_machine, parse_reference


class TestReferences:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("ghcr.io/danny-avila/librechat:v0.8.8", Reference("ghcr.io", "danny-avila/librechat", "v0.8.8")),
            ("librechat/librechat", Reference("docker.io", "librechat/librechat", "latest")),
            ("nginx", Reference("docker.io", "library/nginx", "latest")),
            ("localhost:5000/x", Reference("localhost:5000", "x", "latest")),
            ("[::1]:5000/x:y", Reference("[::1]:5000", "x", "y")),
            ("a.b/c@sha256:" + "0" * 64, Reference("a.b", "c", "latest", "sha256:" + "0" * 64)),
            ("https://ghcr.io/x/y", None),
            ("ghcr.io/../x", None),
            ("ghcr.io/x:a b", None),
            ("UPPER", None),
            ("", None),
        ],
    )
    def test_are_read_as_docker_reads_them(self, text: str, expected: Reference | None) -> None:
        assert parse_reference(text) == expected

    @pytest.mark.parametrize(
        ("netloc", "is_local"),
        [
            ("127.0.0.1", True),
            ("127.8.8.8:5000", True),
            ("localhost:5000", True),
            ("[::1]:5000", True),
            ("10.0.0.1", False),
            ("localhost.example.com", False),
            ("user@127.0.0.1@example.com", False),
            ("", False),
        ],
    )
    def test_name_this_machine_or_another(self, netloc: str, is_local: bool) -> None:
        assert is_this_machine(netloc) is is_local
