"""What people read in mails about their accounts: each letter word for word, with its link."""

from collections.abc import Callable

import pytest

from echo.accounts import letters
from echo.mail import Letter

LINK = "https://chat.example.com/c/page?token=x"
NOT_YOU = "If it was not you, set another password at once, and tell who runs this server."


@pytest.mark.parametrize(
    ("letter", "expected"),
    [
        (
            lambda: letters.reset("Ask", LINK, 15),
            Letter(
                "Set a new password for Ask",
                ("Somebody, probably you, wants to set a new password for your account at Ask. Here you can do so:",),
                LINK,
                "Set a new password",
                (
                    "The link works once, within 15 minutes.",
                    "If it was not you, do nothing: your password stays as it is.",
                ),
            ),
        ),
        (
            lambda: letters.verification("Ask", LINK, 15),
            Letter(
                "Confirm your e-mail address for Ask",
                ("An account at Ask was made with this e-mail address. Confirm that the address is yours:",),
                LINK,
                "Confirm the address",
                (
                    "The link works once, within 15 minutes.",
                    "If you have not registered, do nothing: without it nobody uses the account with your address.",
                ),
            ),
        ),
        (
            lambda: letters.change("Ask", LINK, 15),
            Letter(
                "Confirm your new e-mail address for Ask",
                ("This is to be the e-mail address of an account at Ask. Confirm that it is yours:",),
                LINK,
                "Confirm the address",
                (
                    "The link works once, within 15 minutes.",
                    "If you have not asked for this, do nothing: without it nothing changes.",
                ),
            ),
        ),
        (
            lambda: letters.taken("Ask", "https://chat.example.com/c"),
            Letter(
                "You have an account at Ask already",
                (
                    "Somebody, perhaps you, tried to register at Ask with this e-mail address. "
                    "There is an account with it already, and nothing was changed.",
                ),
                "https://chat.example.com/c/login",
                "Log in",
                (
                    "If you have forgotten your password, ask for another one there. If it was not you, do nothing.",
                ),
            ),
        ),
        (
            lambda: letters.invitation("Ask", LINK, "3 May"),
            Letter(
                "You are invited to Ask",
                ("You are invited to make an account at Ask with this e-mail address:",),
                LINK,
                "Register",
                ("The link works once, until 3 May.",),
            ),
        ),
        (
            lambda: letters.probe("Ask"),
            Letter(
                "A test of Ask",
                ("This is a test: Ask can send mail to this address. Nothing has to be done.",),
            ),
        ),
    ],
    ids=["reset", "verification", "change", "taken", "invitation", "probe"],
)  # fmt: skip
def test_a_letter_says_what_can_be_done_and_by_which_link(
    letter: Callable[[], Letter], expected: Letter
) -> None:
    assert letter() == expected


@pytest.mark.parametrize(
    ("kind", "subject", "paragraphs"),
    [
        (
            "email_changed",
            "Your e-mail address at Ask was changed",
            (
                "Your account at Ask has another e-mail address now. Mails go there, and not here any more.",
                NOT_YOU,
            ),
        ),
        (
            "password_changed",
            "Your password for Ask was changed",
            (
                "The password of your account at Ask was changed, and its sessions on other devices have ended.",
                NOT_YOU,
            ),
        ),
        (
            "passkey_added",
            "A passkey was added to your account at Ask",
            (
                "From now on one can log in to your account at Ask with a new passkey, without the password.",
                "If it was not you, remove the passkey, set another password at once, and tell who runs this server.",
            ),
        ),
        (
            "two_factor_on",
            "Two-factor authentication is on at Ask",
            ("From now on a login to your account at Ask needs a code of your app as well.", NOT_YOU),
        ),
        (
            "two_factor_off",
            "Two-factor authentication is off at Ask",
            ("From now on the password alone is enough to log in to your account at Ask.", NOT_YOU),
        ),
    ],
)  # fmt: skip
def test_a_notice_says_what_has_happened_and_has_no_link(
    kind: str, subject: str, paragraphs: tuple[str, ...]
) -> None:
    assert letters.NOTICES[kind]("Ask") == Letter(subject, paragraphs)


def test_there_are_no_other_notices() -> None:
    assert set(letters.NOTICES) == {
        "email_changed",
        "password_changed",
        "passkey_added",
        "two_factor_on",
        "two_factor_off",
    }
