"""Who may have an account removed, and what comes before it."""

from typing import Any, cast

import pytest

from echo.accounts.deletion import AccountDeletion
from echo.accounts.erasure import AccountEraser
from echo.accounts.two_factor import Proof, TwoFactorService
from echo.errors import Forbidden, ServiceUnavailable
from echo.handling.caller import Caller
from storage.accounts.administrators import AdministratorRepository
from storage.core.errors import LastAdministrator

ADA = Caller("a" * 24, "b" * 24, "ada@example.com", "ada", "local", "USER")
PROOF = Proof(token="123456")


class Steps:
    """All that takes part in it: notes what is asked, and fails where that is wanted."""

    def __init__(self, fails: dict[str, Exception]) -> None:
        self.fails = fails
        self.asked: list[tuple[Any, ...]] = []

    def _note(self, name: str, *arguments: Any) -> None:
        self.asked.append((name, *arguments))
        if name in self.fails:
            raise self.fails[name]

    def demand(self, owner: str, proof: Proof) -> None:
        self._note("demand", owner, proof)

    def demand_services(self) -> None:
        self._note("demand_services")

    def step_down(self, owner: str) -> None:
        self._note("step_down", owner)

    def erase(self, owner: str) -> None:
        self._note("erase", owner)


def deletion(*, allowed: bool = True, **fails: Exception) -> tuple[AccountDeletion, Steps]:
    steps = Steps(fails)
    made = AccountDeletion(
        cast("AccountEraser", steps),
        cast("AdministratorRepository", steps),
        cast("TwoFactorService", steps),
        allowed=allowed,
    )
    return made, steps


ERASED = [("demand_services",), ("step_down", ADA.id), ("erase", ADA.id)]


def test_a_user_goes_by_proof_of_the_second_factor() -> None:
    service, steps = deletion()
    service.delete(ADA, PROOF)
    assert steps.asked == [("demand", ADA.id, PROOF), *ERASED]


def test_users_do_not_go_where_that_is_switched_off() -> None:
    service, steps = deletion(allowed=False)
    with pytest.raises(Forbidden) as refused:
        service.delete(ADA, PROOF)
    told = "Users cannot delete their accounts on this server."
    assert (refused.value.code, refused.value.message) == ("deletion_disabled", told)
    assert steps.asked == []


def test_an_administrator_removes_one_without_proof_and_where_users_may_not() -> None:
    service, steps = deletion(allowed=False)
    service.remove(ADA.id)
    assert steps.asked == ERASED


@pytest.mark.parametrize(
    ("step", "error", "done"),
    [
        ("demand", Forbidden(), 1),
        ("demand_services", ServiceUnavailable(), 2),
        ("step_down", LastAdministrator(), 3),
    ],
)
def test_what_is_refused_has_erased_nothing(step: str, error: Exception, done: int) -> None:
    service, steps = deletion(**{step: error})
    with pytest.raises(type(error)):
        service.delete(ADA, PROOF)
    assert steps.asked == [("demand", ADA.id, PROOF), *ERASED][:done]
