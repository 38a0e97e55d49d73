"""E-mail to reviewers: that cases wait, and that one is overdue. One thread in every worker, where mail is set up.

Once a minute, in this order:

1. Note which open cases nobody was told of: that they wait, and later that they are overdue. The note is committed
   first, so that of several workers one writes, and nobody is told twice of the same.
2. Send one message about all of them, with ids, times and links, and no word of a script.
3. If it was not taken, the notes are removed, and the next turn tries again. If we crash between 1 and 3, that message
   is lost: mail is a courtesy, the queue is what counts.

A case that is closed loses its notes, so that one that is opened again is told of again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy.exc import IntegrityError
from sqlmodel import Field, Session, SQLModel, col, delete, func, select

from audit.store import UtcDateTime
from gateway.db import Database
from gateway.errors import GatewayError
from gateway.mail import MailError
from gateway.submissions import ReviewCase

TURN_SECONDS = 60.0
LONGEST_PAUSE_SECONDS = 1_800.0  # while the mail server does not take anything
MOST_LISTED = 20  # cases in one message; the rest are counted

logger = logging.getLogger(__name__)


class About(StrEnum):
    """What a message tells of a case."""

    WAITING = "waiting"
    OVERDUE = "overdue"


class CaseNotice(SQLModel, table=True):
    """That somebody was told of a case."""

    episode_id: str = Field(primary_key=True, foreign_key="submission.id", max_length=32)
    about: str = Field(primary_key=True, max_length=16)  # `About`
    at: datetime = Field(sa_type=UtcDateTime)


@dataclass(frozen=True, slots=True)
class Told:
    """One case that a message tells of."""

    episode_id: str
    about: About
    due_at: datetime


Send = Callable[[str, str], None]  # subject and text; raises MailError


class Reminders:
    """Tells reviewers of cases; `start` and `stop` it with the worker."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Callable[[], datetime],
        send: Send,
        public_url: str,
        turn_seconds: float = TURN_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._send = send
        self._public_url = public_url.rstrip("/")
        self._turn = turn_seconds
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to tell."""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="assay-reminders", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Tell no more; a message that is under way is waited for."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def turn(self) -> int:
        """Tell of everything that is new, in one message, and return of how many cases; raises `MailError`."""
        try:
            with self._database.write() as session:
                news = self._note(session)  # 1.
                count = session.exec(
                    select(func.count()).select_from(ReviewCase).where(col(ReviewCase.open).is_(True))
                ).one()
        except IntegrityError:
            return 0  # another worker was as quick, and tells of them
        if not news:
            return 0
        try:
            self._send(*self._message(news, count))  # 2.
        except MailError:
            with self._database.write() as session:  # 3.
                for one in news:
                    session.execute(
                        delete(CaseNotice).where(
                            col(CaseNotice.episode_id) == one.episode_id, col(CaseNotice.about) == one.about.value
                        )
                    )
            raise
        return len({one.episode_id for one in news})

    def _note(self, session: Session) -> list[Told]:
        now = self._clock()
        still_open = select(ReviewCase.episode_id).where(col(ReviewCase.open).is_(True))
        session.execute(delete(CaseNotice).where(col(CaseNotice.episode_id).not_in(still_open)))
        news = []
        for about in About:
            told = select(CaseNotice.episode_id).where(CaseNotice.about == about.value)
            statement = (
                select(ReviewCase.episode_id, ReviewCase.due_at)
                .where(col(ReviewCase.open).is_(True), col(ReviewCase.episode_id).not_in(told))
                .order_by(col(ReviewCase.due_at))
            )
            if about is About.OVERDUE:
                statement = statement.where(col(ReviewCase.due_at) <= now)
            for episode_id, due_at in session.exec(statement).all():
                session.add(CaseNotice(episode_id=episode_id, about=about.value, at=now))
                news.append(Told(episode_id, about, due_at))
        session.flush()
        return news

    def _message(self, news: Sequence[Told], count: int) -> tuple[str, str]:
        late = [one for one in news if one.about is About.OVERDUE]
        new = [one for one in news if one.about is About.WAITING]
        parts = [f"{len(new)} new" if new else "", f"{len(late)} overdue" if late else ""]
        subject = f"Assay: {' and '.join(filter(None, parts))}, {count} waiting for review"
        lines = [f"{self._public_url}/console/queue", ""]
        for title, group in (("Overdue", late), ("New", new)):
            if group:
                lines += [f"{title}:"]
                lines += [
                    f"- due {one.due_at:%Y-%m-%d %H:%M} UTC  {self._public_url}/console/episodes/{one.episode_id}"
                    for one in group[:MOST_LISTED]
                ]
                lines += [f"- and {len(group) - MOST_LISTED} more"] if len(group) > MOST_LISTED else []
                lines += [""]
        return subject, "\n".join(lines)

    def _run(self) -> None:
        pause = self._turn
        while not self._stopping.wait(pause):
            try:
                self.turn()
                pause = self._turn
            except (MailError, GatewayError) as error:
                pause = min(2 * pause, max(LONGEST_PAUSE_SECONDS, self._turn))
                logger.warning("reviewers were not told: %s", error)
            except Exception as error:  # noqa: BLE001  # the thread must outlive whatever it meets
                logger.error("telling reviewers failed with %s", type(error).__name__)
