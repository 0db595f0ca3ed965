"""LibreChat's variables for mail."""

import pytest

from echo.settings import MailgunSettings, MailSettings, SettingsError, SmtpSettings, load_settings
from echo.settings.mail_services import service_address

FROM = {"EMAIL_FROM": "echo@example.com"}


def mail(**environ: str) -> MailSettings:
    found = load_settings({**FROM, **environ}).mail
    assert found is not None
    return found


class TestMail:
    @pytest.mark.parametrize(
        "environ",
        [
            {},
            FROM,
            {"EMAIL_HOST": "x"},
            {**FROM, "MAILGUN_API_KEY": "x"},
            {"MAILGUN_API_KEY": "x", "MAILGUN_DOMAIN": "x"},
        ],
    )
    def test_is_off_unless_it_is_complete(self, environ: dict[str, str]) -> None:
        assert load_settings(environ).mail is None

    def test_by_a_host(self) -> None:
        found = mail(EMAIL_HOST="mail.example", APP_TITLE="Ask", CUSTOM_FOOTER="Footer")
        assert found == MailSettings(
            SmtpSettings("mail.example", 25), "echo@example.com", "Ask", "Ask", "Footer"
        )
        found = mail(
            EMAIL_HOST="mail.example",
            EMAIL_PORT="587",
            EMAIL_ENCRYPTION="starttls",
            EMAIL_ENCRYPTION_HOSTNAME="other.example",
            EMAIL_ALLOW_SELFSIGNED="true",
            EMAIL_USERNAME="u",
            EMAIL_PASSWORD="p-canary",
            EMAIL_FROM_NAME="Somebody",
        )
        assert found.sender == SmtpSettings(
            "mail.example", 587, "starttls", "other.example", True, "u", "p-canary"
        )
        assert found.from_name == "Somebody"
        assert "canary" not in repr(found)

    def test_by_a_service_goes_before_a_host(self) -> None:
        found = mail(EMAIL_SERVICE="Gmail", EMAIL_HOST="mail.example", EMAIL_PORT="1")
        assert found.sender == SmtpSettings("smtp.gmail.com", 465, "tls")
        assert mail(EMAIL_SERVICE="outlook365").sender == SmtpSettings("smtp.office365.com", 587, "starttls")

    def test_by_mailgun_goes_before_smtp(self) -> None:
        found = mail(EMAIL_HOST="x", MAILGUN_API_KEY="k-canary", MAILGUN_DOMAIN="mg.example")
        assert found.sender == MailgunSettings("https://api.mailgun.net", "mg.example", "k-canary")
        assert "canary" not in repr(found)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("EMAIL_SERVICE", "Carrier pigeon"),
            ("EMAIL_FROM", "Echo <echo@example.com>"),
            ("EMAIL_ENCRYPTION", "ssl"),
            ("EMAIL_PORT", "0"),
            ("MAILGUN_HOST", "api.mailgun.net"),
        ],
    )
    def test_what_cannot_be_used_is_refused_by_name(self, name: str, value: str) -> None:
        with pytest.raises(SettingsError, match=f"^{name} "):
            load_settings({**FROM, "EMAIL_HOST": "x", name: value})

    @pytest.mark.parametrize(
        ("environ", "words"),
        [
            ({"EMAIL_HOST": "x"}, "EMAIL_HOST is set without EMAIL_FROM"),
            (
                {**FROM, "EMAIL_HOST": "x", "EMAIL_USERNAME": "u"},
                "Only one of EMAIL_USERNAME and EMAIL_PASSWORD",
            ),
            ({**FROM, "MAILGUN_DOMAIN": "x"}, "Mailgun needs both"),
            ({**FROM, "EMAIL_HOST": "x"}, "so links in mails lead to http://localhost:3080/chat."),
            ({"ALLOW_PASSWORD_RESET": "true"}, "ALLOW_PASSWORD_RESET is true, but"),
        ],
    )
    def test_what_keeps_mail_from_being_sent_is_told(self, environ: dict[str, str], words: str) -> None:
        assert any(words in notice for notice in load_settings(environ).notices)
        assert load_settings({**FROM, "EMAIL_HOST": "x", "DOMAIN_CLIENT": "https://a.example"}).notices == ()

    def test_limits_of_what_takes_a_token_are_those_of_what_asks_for_it(self) -> None:
        limits = load_settings({"RESET_PASSWORD_MAX": "9", "VERIFY_EMAIL_SUBMISSION_MAX": "4"}).rate_limits
        assert [limits[name].limit for name in ("reset_ip", "reset_email", "reset_submit_ip")] == [9, 9, 9]
        assert [limits[name].limit for name in ("verify_ip", "verify_submit_ip")] == [2, 4]
        assert limits["reset_ip"].window_seconds == 120


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("SES", ("email-smtp.us-east-1.amazonaws.com", 465)),
        ("SES-EU-WEST-1", ("email-smtp.eu-west-1.amazonaws.com", 465)),
        ("SES-US-GOV-WEST-1", ("email-smtp.us-gov-west-1.amazonaws.com", 465)),
        ("SES-evil.example/", None),
        ("Elastic Email", ("smtp.elasticemail.com", 465)),
        ("Postmark", ("smtp.postmarkapp.com", 2525)),
        ("", None),
    ],
)
def test_services_are_found_as_nodemailer_finds_them(name: str, address: tuple[str, int] | None) -> None:
    assert service_address(name) == address
