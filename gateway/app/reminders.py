"""E-mail to reviewers, put together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.keys import KeyFiles

if TYPE_CHECKING:
    from gateway.reminders import Reminders
    from gateway.settings import Settings
    from gateway.toolchain import Toolchain


def build_reminders(toolchain: Toolchain) -> Reminders | None:
    """Return what tells reviewers of cases, not started; None where mail is not set up."""
    from gateway.mail import Encryption, MailServer, send_mail
    from gateway.reminders import Reminders

    settings = toolchain.settings
    if not settings.mail_server:
        return None
    server = MailServer(
        host=settings.mail_server,
        port=settings.mail_port,
        encryption=Encryption(settings.mail_encryption),
        user=settings.mail_user,
        password=_password(settings),
        sender=settings.mail_from,
    )

    def send(subject: str, text: str) -> None:
        send_mail(server, to=settings.mail_to, subject=subject, text=text, at=toolchain.clock())

    return Reminders(database=toolchain.database, clock=toolchain.clock, send=send, public_url=settings.public_url)


def _password(settings: Settings) -> str:
    path = settings.mail_password_file
    if path is None:
        return settings.mail_password.get_secret_value()
    return KeyFiles(path.parent).private(path.name).decode().partition("\n")[0].strip()
