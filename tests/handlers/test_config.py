from collections.abc import Callable

from tests.conftest import PASSWORD, Client


class TestGetConfig:
    def test_answers_anyone(self, api: Client) -> None:
        config = api.get("/api/config").json()
        assert config["appTitle"] == "Echo"
        assert config["registrationEnabled"] is True
        assert config["emailLoginEnabled"] is True

    def test_says_what_is_really_switched_on(self, make_application: Callable[..., Client]) -> None:
        environ = {
            "APP_TITLE": "Parrot",
            "DOMAIN_SERVER": "https://chat.example/",
            "ALLOW_REGISTRATION": "false",
            "ALLOW_EMAIL_LOGIN": "false",
            "ALLOW_SOCIAL_LOGIN": "true",
            "ALLOW_PASSWORD_RESET": "true",
        }
        client = make_application(**environ)
        assert client.get("/api/config").json() == {
            "appTitle": "Parrot",
            "serverDomain": "https://chat.example",
            "registrationEnabled": False,
            "emailLoginEnabled": False,
            "socialLoginEnabled": False,
            "passwordResetEnabled": False,
            "sharedLinksEnabled": False,
        }
        login = client.post("/api/auth/login", json={"email": "a@example.com", "password": PASSWORD})
        assert login.json()["code"] == "login_disabled"
