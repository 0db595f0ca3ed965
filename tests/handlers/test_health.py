from collections.abc import Callable

from tests.conftest import Client


class TestGetHealth:
    def test_answers_anyone(self, api: Client) -> None:
        response = api.get("/health")
        assert response.status_code == 200
        assert response.text == "OK"
        assert response.headers["content-type"].startswith("text/plain")

    def test_does_not_look_at_a_token(self, api: Client) -> None:
        response = api.get("/health", headers={"Authorization": "Bearer nonsense"})
        assert response.status_code == 200

    def test_answers_without_a_database(self, make_application: Callable[..., Client]) -> None:
        lonely = make_application(MONGO_URI="mongodb://127.0.0.1:9/none?serverSelectionTimeoutMS=50")
        assert lonely.get("/health").text == "OK"


class TestGetReady:
    def test_answers_anyone_and_names_each_dependency(self, api: Client) -> None:
        response = api.get("/ready")
        assert response.status_code == 200
        assert response.text == "database: ok\nfiles: ok\n"

    def test_is_503_when_the_database_does_not_answer(self, make_application: Callable[..., Client]) -> None:
        lonely = make_application(MONGO_URI="mongodb://127.0.0.1:9/none?serverSelectionTimeoutMS=50")
        response = lonely.get("/ready")
        assert response.status_code == 503
        assert response.json()["code"] == "not_ready"
        assert [error["field"] for error in response.json()["errors"]] == ["database"]
