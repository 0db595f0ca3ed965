"""Schemathesis finds nothing on a running server: every phase, every check, authenticated as two users.

Neither the fuzzer nor the server is traced (`tests/support/measuring.py`): their time is for requests.
"""

import pytest

from tests.contract.fuzz import found_by, fuzz, librechat_plan, own_plan, seed_plan


@pytest.mark.slow
def test_finds_nothing_with_our_document() -> None:
    outcome = fuzz([own_plan(seconds=45)])
    assert outcome.exit_code == 0, found_by(outcome)


@pytest.mark.slow
def test_finds_nothing_with_librechats_document() -> None:
    outcome = fuzz([librechat_plan(seconds=45)])
    assert outcome.exit_code == 0, found_by(outcome)


@pytest.mark.slow
def test_finds_nothing_with_the_seed_document() -> None:
    outcome = fuzz([seed_plan(seconds=20)])
    assert outcome.exit_code == 0, found_by(outcome)
