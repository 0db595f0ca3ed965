"""What large answers may hold of a process's memory."""

import pytest

from echo.errors import ServiceUnavailable, TooManyRequests
from echo.handling.large_answers import LargeAnswers


@pytest.fixture
def answers() -> LargeAnswers:
    return LargeAnswers(most=100, most_of_one=60)


class TestLargeAnswers:
    def test_an_account_gets_no_more_than_its_part(self, answers: LargeAnswers) -> None:
        answers.take("ada", 30)
        answers.take("ada", 30)
        with pytest.raises(TooManyRequests) as refused:
            answers.take("ada", 1)
        assert (refused.value.code, refused.value.headers["Retry-After"]) == ("too_many_large_answers", "5")
        assert refused.value.message == "Large answers of yours are still being sent."
        answers.take("bob", 40)
        assert answers.total == 100

    def test_all_together_get_no_more_than_there_is(self, answers: LargeAnswers) -> None:
        answers.take("ada", 60)
        answers.take("bob", 40)
        with pytest.raises(ServiceUnavailable) as refused:
            answers.take("eve", 1)
        assert (refused.value.code, refused.value.headers["Retry-After"]) == ("overloaded", "5")
        assert refused.value.message == "The server is busy."

    def test_one_larger_than_everything_is_sent_alone(self, answers: LargeAnswers) -> None:
        share = answers.take("ada", 500)
        with pytest.raises(ServiceUnavailable):
            answers.take("bob", 1)
        share.close()
        answers.take("bob", 500)

    def test_what_is_given_back_can_be_had_again_and_is_given_back_once(self, answers: LargeAnswers) -> None:
        share = answers.take("ada", 60)
        share.close()
        share.close()
        assert answers.total == 0
        answers.take("ada", 60)
        with pytest.raises(TooManyRequests):
            answers.take("ada", 1)

    def test_of_several_of_an_account_each_gives_back_its_own(self, answers: LargeAnswers) -> None:
        first, second = answers.take("ada", 20), answers.take("ada", 40)
        first.close()
        assert answers.total == 40
        answers.take("ada", 20)
        with pytest.raises(TooManyRequests):
            answers.take("ada", 1)
        second.close()
        assert answers.total == 20
        answers.take("ada", 40)

    def test_who_was_refused_holds_nothing(self, answers: LargeAnswers) -> None:
        share = answers.take("ada", 60)
        with pytest.raises(TooManyRequests):
            answers.take("ada", 60)
        share.close()
        assert answers.total == 0
