"""How mail is sent: LibreChat's `EMAIL_` and `MAILGUN_` variables."""

from collections.abc import Iterator

from echo.settings.mail_services import TLS_PORT, service_address
from echo.settings.model import MailgunSettings, MailSettings, SmtpSettings
from echo.settings.reader import Reader, SettingsError

SMTP_PORT = 25
MAILGUN = "https://api.mailgun.net"


def read_mail(reader: Reader, *, app_title: str, footer: str | None) -> MailSettings | None:
    """How mail is sent; None where nothing says so, or nothing from whom. Mailgun's API goes before SMTP."""
    mailgun, smtp = _mailgun(reader), _smtp(reader)
    address = reader.text("EMAIL_FROM")
    name = reader.text("EMAIL_FROM_NAME", app_title)
    if address is None or (mailgun is None and smtp is None):
        return None
    return MailSettings(
        mailgun or smtp,  # type: ignore[arg-type] # one of both is there
        from_address=_checked(address),
        from_name=" ".join(name.split()),
        title=" ".join(app_title.split()),
        footer=footer,
    )


def mail_notices(reader: Reader, mail: MailSettings | None, *, allow_reset: bool) -> Iterator[str]:
    """What looks wrong, and keeps mail from being sent."""
    sender = next(
        (name for name in ("MAILGUN_API_KEY", "EMAIL_SERVICE", "EMAIL_HOST") if reader.value(name)), None
    )
    if sender and not reader.value("EMAIL_FROM"):
        yield f"{sender} is set without EMAIL_FROM, so no mail is sent."
    if bool(reader.value("MAILGUN_API_KEY")) != bool(reader.value("MAILGUN_DOMAIN")):
        yield "Mailgun needs both MAILGUN_API_KEY and MAILGUN_DOMAIN; only one of them is set."
    if bool(reader.value("EMAIL_USERNAME")) != bool(reader.value("EMAIL_PASSWORD")):
        yield "Only one of EMAIL_USERNAME and EMAIL_PASSWORD is set, so Echo does not log in to the mail server."
    if allow_reset and mail is None:
        yield "ALLOW_PASSWORD_RESET is true, but without a mail server nobody can ask for a link."


def _mailgun(reader: Reader) -> MailgunSettings | None:
    key, domain = reader.text("MAILGUN_API_KEY"), reader.text("MAILGUN_DOMAIN")
    host = reader.text("MAILGUN_HOST", MAILGUN).rstrip("/")
    if not host.startswith(("http://", "https://")):
        raise SettingsError("MAILGUN_HOST must begin with http:// or https://.")
    return MailgunSettings(host, domain, key) if key and domain else None


def _smtp(reader: Reader) -> SmtpSettings | None:
    service, host = reader.text("EMAIL_SERVICE"), reader.text("EMAIL_HOST")
    port = reader.whole("EMAIL_PORT", SMTP_PORT, minimum=1, maximum=65535)
    encryption = reader.text("EMAIL_ENCRYPTION", "auto", one_of=("auto", "starttls", "tls", "none"))
    certificate_name = reader.text("EMAIL_ENCRYPTION_HOSTNAME")
    any_certificate = reader.flag("EMAIL_ALLOW_SELFSIGNED", False)
    username, password = reader.text("EMAIL_USERNAME"), reader.text("EMAIL_PASSWORD")
    if service:
        known = service_address(service)
        if known is None:
            raise SettingsError("EMAIL_SERVICE is no service that Echo knows: set EMAIL_HOST and EMAIL_PORT.")
        host, port = known
        encryption = "tls" if port == TLS_PORT else "starttls"
    if not host:
        return None
    complete = username is not None and password is not None
    return SmtpSettings(
        host,
        port,
        encryption,
        certificate_name=certificate_name,
        any_certificate=any_certificate,
        username=username if complete else None,
        password=password if complete else None,
    )


def _checked(address: str) -> str:
    # Imported here: only who sends mail needs it this early.
    from email_validator import EmailNotValidError, validate_email  # noqa: PLC0415

    try:
        return validate_email(address, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError as error:
        raise SettingsError("EMAIL_FROM must be one e-mail address, without a name.") from error
