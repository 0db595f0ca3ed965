"""Schemathesis finds nothing on a running server: every phase, every check, authenticated as two users."""

import pytest

from tests.contract.fuzz import OWN_DOCUMENT, SEED_DOCUMENT, fuzz

SECONDS = 120


@pytest.mark.slow
def test_finds_nothing_with_our_document() -> None:
    outcome = fuzz(OWN_DOCUMENT, seconds=SECONDS)
    assert outcome.exit_code == 0, outcome.summary


@pytest.mark.slow
def test_finds_nothing_with_the_seed_document() -> None:
    """The seed declares hardly any error, so undocumented statuses are not held against it."""
    outcome = fuzz(SEED_DOCUMENT, seconds=SECONDS // 2, exclude=("status_code_conformance",))
    assert outcome.exit_code == 0, outcome.summary
