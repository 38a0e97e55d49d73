"""E-mail to reviewers, by a real mail server on this machine."""

from __future__ import annotations

import email.policy
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from gateway.app.reminders import build_reminders
from gateway.errors import SettingsError
from gateway.mail import Encryption, MailError, MailServer, send_mail
from gateway.reminders import Reminders
from gateway.settings import load_settings
from tests.gateway_chain import REVIEWER, Chain, build_chain


class Inbox:
    """Takes mail, or refuses it."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.refusing = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd's name
        if self.refusing:
            return "451 come back later"
        assert isinstance(envelope.content, bytes)
        self.taken.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 taken"


@contextmanager
def mail_server(inbox: Inbox, **options: Any) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    controller = Controller(inbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def chain(tmp_path: Path, inbox: Inbox) -> Iterator[Chain]:
    with mail_server(inbox) as port:
        chain = build_chain(
            tmp_path,
            mail_server="127.0.0.1",
            mail_port=port,
            mail_encryption="none",
            mail_from="assay@radio.example",
            mail_to=("desk@radio.example", "night@radio.example"),
            public_url="https://gate.example",
        )
        yield chain
        chain.database.dispose()


@pytest.fixture
def reminders(chain: Chain) -> Reminders:
    built = build_reminders(chain.tools)
    assert built is not None
    return built


def waiting_case(chain: Chain, words: str = "please review") -> str:
    episode_id = chain.submit(words)
    assert chain.run(episode_id) == "awaiting_review"
    return episode_id


def test_new_cases_are_told_of_once_in_one_message(chain: Chain, inbox: Inbox, reminders: Reminders) -> None:
    assert reminders.turn() == 0
    ids = [waiting_case(chain, f"please review Zanzibar {number}") for number in range(2)]
    assert reminders.turn() == 2
    assert reminders.turn() == 0
    (message,) = inbox.taken
    assert message["Subject"] == "Assay: 2 new, 2 waiting for review"
    assert message["To"] == "desk@radio.example, night@radio.example"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content()
    assert all(f"https://gate.example/console/episodes/{episode_id}" in text for episode_id in ids)
    assert "Zanzibar" not in message.as_string()
    assert "Morning briefing" not in message.as_string()


def test_case_is_told_of_again_when_it_is_overdue_and_not_when_it_is_decided(
    chain: Chain, inbox: Inbox, reminders: Reminders
) -> None:
    decided, left = waiting_case(chain), waiting_case(chain)
    reminders.turn()
    chain.desk.claim(decided, reviewer=REVIEWER)
    chain.desk.reject(decided, reviewer=REVIEWER, reason="No.")
    chain.clock.now += timedelta(hours=30)
    assert reminders.turn() == 1
    assert reminders.turn() == 0
    assert inbox.taken[1]["Subject"] == "Assay: 1 overdue, 1 waiting for review"
    assert left in inbox.taken[1].get_content()
    assert decided not in inbox.taken[1].get_content()


def test_message_that_is_not_taken_is_sent_later(chain: Chain, inbox: Inbox, reminders: Reminders) -> None:
    waiting_case(chain)
    inbox.refusing = True
    for _ in range(2):
        with pytest.raises(MailError, match="did not take it"):
            reminders.turn()
    inbox.refusing = False
    assert reminders.turn() == 1
    assert len(inbox.taken) == 1


def test_of_many_cases_some_are_listed_and_all_are_counted(chain: Chain, reminders: Reminders) -> None:
    from gateway.reminders import About, Told

    at = chain.clock()
    told = [Told(f"ep_{number}", About.WAITING, at) for number in range(25)]
    subject, text = reminders._message(told, 40)
    assert subject == "Assay: 25 new, 40 waiting for review"
    assert text.count("/console/episodes/") == 20
    assert "and 5 more" in text


def test_two_workers_tell_once(chain: Chain, inbox: Inbox, reminders: Reminders) -> None:
    waiting_case(chain)
    other = build_reminders(chain.tools)
    assert other is not None
    threads = [threading.Thread(target=one.turn) for one in (reminders, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(inbox.taken) == 1


def test_thread_tells_by_itself_and_stops(chain: Chain, inbox: Inbox, reminders: Reminders) -> None:
    reminders._turn = 0.02
    waiting_case(chain)
    reminders.start()
    for _ in range(500):
        if inbox.taken:
            break
        threading.Event().wait(0.02)
    reminders.stop()
    reminders.stop()
    assert len(inbox.taken) == 1


def test_off_by_default(tmp_path: Path) -> None:
    chain = build_chain(tmp_path)
    assert build_reminders(chain.tools) is None
    chain.database.dispose()


def test_server_that_cannot_encrypt_gets_nothing(chain: Chain, inbox: Inbox) -> None:
    port = chain.tools.settings.mail_port
    for encryption in (Encryption.STARTTLS, Encryption.TLS):
        server = MailServer("127.0.0.1", port, encryption, "", "", "assay@radio.example")
        with pytest.raises(MailError):
            send_mail(server, to=["desk@radio.example"], subject="x", text="x", at=chain.clock())
    assert inbox.taken == []


def test_user_signs_in_and_a_wrong_password_is_an_error(inbox: Inbox, chain: Chain) -> None:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=isinstance(data, LoginPassword) and data.password == b"right", handled=False)

    with mail_server(inbox, authenticator=check, auth_require_tls=False) as port:
        for password in ("wrong", "right"):
            server = MailServer("127.0.0.1", port, Encryption.NONE, "assay", password, "assay@radio.example")
            if password == "wrong":
                with pytest.raises(MailError, match="SMTPAuthenticationError"):
                    send_mail(server, to=["desk@radio.example"], subject="x", text="x", at=chain.clock())
            else:
                send_mail(server, to=["desk@radio.example"], subject="x", text="x", at=chain.clock())
    assert len(inbox.taken) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"mail_from": ""},
        {"mail_to": ()},
        {"mail_to": ("a@b.example\nBcc: all@b.example",)},
        {"mail_to": ("nobody",)},
        {"mail_encryption": "none"},
        {"mail_password": "x", "mail_password_file": "/tmp/x"},
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, Any]) -> None:
    right = {"mail_server": "mail.radio.example", "mail_from": "a@b.example", "mail_to": ("desk@b.example",)}
    load_settings(**right)
    with pytest.raises(SettingsError, match="mail"):
        load_settings(**{**right, **changes})
