"""What Echo writes to people about their accounts, in its own words."""

from collections.abc import Callable

from echo.mail import Letter

# Kinds of mails, as the outbox has them.
RESET, VERIFY, TAKEN = "password_reset", "email_verification", "address_taken"
CHANGE, ADDRESS_CHANGED = "email_change", "email_changed"
PASSWORD_CHANGED, FACTOR_ON, FACTOR_OFF = "password_changed", "two_factor_on", "two_factor_off"
PASSKEY_ADDED = "passkey_added"
NOT_YOU = "If it was not you, set another password at once, and tell who runs this server."


def reset(title: str, link: str, minutes: int) -> Letter:
    """By which somebody sets another password."""
    return Letter(
        f"Set a new password for {title}",
        (
            f"Somebody, probably you, wants to set a new password for your account at {title}. Here you can do so:",
        ),
        link,
        "Set a new password",
        (
            f"The link works once, within {minutes} minutes.",
            "If it was not you, do nothing: your password stays as it is.",
        ),
    )


def verification(title: str, link: str, minutes: int) -> Letter:
    """By which somebody shows that an address is theirs. Nothing in it is of whoever typed the address."""
    return Letter(
        f"Confirm your e-mail address for {title}",
        (f"An account at {title} was made with this e-mail address. Confirm that the address is yours:",),
        link,
        "Confirm the address",
        (
            f"The link works once, within {minutes} minutes.",
            "If you have not registered, do nothing: without it nobody uses the account with your address.",
        ),
    )


def change(title: str, link: str, minutes: int) -> Letter:
    """By which somebody shows that the new address of an account is theirs."""
    return Letter(
        f"Confirm your new e-mail address for {title}",
        (f"This is to be the e-mail address of an account at {title}. Confirm that it is yours:",),
        link,
        "Confirm the address",
        (
            f"The link works once, within {minutes} minutes.",
            "If you have not asked for this, do nothing: without it nothing changes.",
        ),
    )


def taken(title: str, client: str) -> Letter:
    """To somebody with whose address an account should be made once more."""
    return Letter(
        f"You have an account at {title} already",
        (
            f"Somebody, perhaps you, tried to register at {title} with this e-mail address. "
            "There is an account with it already, and nothing was changed.",
        ),
        f"{client}/login",
        "Log in",
        ("If you have forgotten your password, ask for another one there. If it was not you, do nothing.",),
    )


def invitation(title: str, link: str, end: str) -> Letter:
    """By which somebody may register."""
    return Letter(
        f"You are invited to {title}",
        (f"You are invited to make an account at {title} with this e-mail address:",),
        link,
        "Register",
        (f"The link works once, until {end}.",),
    )


def probe(title: str) -> Letter:
    """To see whether mail arrives."""
    return Letter(
        f"A test of {title}",
        (f"This is a test: {title} can send mail to this address. Nothing has to be done.",),
    )


# Letters about what has happened already.
NOTICES: dict[str, Callable[[str], Letter]] = {
    ADDRESS_CHANGED: lambda title: Letter(
        f"Your e-mail address at {title} was changed",
        (
            f"Your account at {title} has another e-mail address now. Mails go there, and not here any more.",
            NOT_YOU,
        ),
    ),
    PASSWORD_CHANGED: lambda title: Letter(
        f"Your password for {title} was changed",
        (
            f"The password of your account at {title} was changed, and its sessions on other devices have ended.",
            NOT_YOU,
        ),
    ),
    PASSKEY_ADDED: lambda title: Letter(
        f"A passkey was added to your account at {title}",
        (
            f"From now on one can log in to your account at {title} with a new passkey, without the password.",
            "If it was not you, remove the passkey, set another password at once, and tell who runs this server.",
        ),
    ),
    FACTOR_ON: lambda title: Letter(
        f"Two-factor authentication is on at {title}",
        (f"From now on a login to your account at {title} needs a code of your app as well.", NOT_YOU),
    ),
    FACTOR_OFF: lambda title: Letter(
        f"Two-factor authentication is off at {title}",
        (f"From now on the password alone is enough to log in to your account at {title}.", NOT_YOU),
    ),
}
