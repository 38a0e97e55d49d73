"""One e-mail by SMTP: encrypted, unless the server is on this machine; a refusal says what the server said."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from enum import StrEnum

TIMEOUT_SECONDS = 15.0  # for one step of the conversation


class MailError(Exception):
    """The message was not taken; the text says why. Never leaves the modules that send."""


class Encryption(StrEnum):
    """How the connection is protected."""

    STARTTLS = "starttls"  # begins in the clear and must change over
    TLS = "tls"  # from the first byte
    NONE = "none"  # only to a server on this machine


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail goes, and as whom."""

    host: str
    port: int
    encryption: Encryption
    user: str
    password: str
    sender: str


def send_mail(server: MailServer, *, to: Sequence[str], subject: str, text: str, at: datetime) -> None:
    """Send one message to everybody in `to`; raises `MailError` if the server takes it for none of them."""
    message = EmailMessage()
    message["From"] = server.sender
    message["To"] = ", ".join(to)
    message["Subject"] = subject
    message["Date"] = format_datetime(at)
    message["Message-ID"] = make_msgid(domain=server.sender.rpartition("@")[2].rstrip(">") or None)
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message.set_content(text)
    context = ssl.create_default_context()
    try:
        if server.encryption is Encryption.TLS:
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT_SECONDS)
        with connection:
            if server.encryption is Encryption.STARTTLS:
                connection.starttls(context=context)
            if server.user:
                connection.login(server.user, server.password)
            connection.send_message(message)
    except (smtplib.SMTPException, OSError) as error:
        raise MailError(f"the mail server {server.host} did not take it ({type(error).__name__})") from error
