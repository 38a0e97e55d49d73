"""The released episodes as a watermark search wants them: read once, extended when something was released."""

from __future__ import annotations

import threading

from sqlmodel import Session, func, select

from gateway.db import Database
from gateway.releases import count_spoken, released_since, spoken_ids
from gateway.submissions import EpisodeRelease
from synth.watermark import Registry

SHORTEST_SEARCH = 60.0  # seconds: positions are searched at least so far, whatever the rows say


class ReleasedEpisodes:
    """Caches the registry of one process; safe for several threads.

    Releases are only ever added, so their number and their newest entry in the log tell whether anything changed; both
    come from an index. Only new episodes are read then. If rows went missing, everything is read again.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._state = (0, -1)  # how many releases, and the newest one's entry, the registry stands for
        self._ids: list[str] = []
        self._registry = Registry((), longest=SHORTEST_SEARCH)

    def current(self) -> Registry:
        """Return the registry as of now, oldest episode first; raises `DatabaseUnavailableError`."""
        with self._database.read() as session:
            found = _state(session)
            with self._lock:
                if found != self._state:
                    self._refresh(session, found)
                return self._registry

    def _refresh(self, session: Session, found: tuple[int, int]) -> None:
        new, longest = released_since(session, entry_index=self._state[1])
        if len(self._ids) + len(new) != found[0]:
            self._ids = []
            new, longest = released_since(session, entry_index=-1)
        elif self._ids:
            longest = max(longest, self._registry.longest)
        self._ids = [*self._ids, *new]
        self._registry = Registry(self._ids, longest=max(SHORTEST_SEARCH, longest))
        self._state = found


class KnownEpisodes:
    """What marks may stand for: the released episodes, and those that were spoken on request and still have a
    fingerprint; safe for several threads.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._released = ReleasedEpisodes(database)
        self._lock = threading.Lock()
        self._state: tuple[Registry | None, int] = (None, -1)
        self._known: tuple[Registry, frozenset[str]] = (Registry(()), frozenset())

    def current(self) -> tuple[Registry, frozenset[str]]:
        """Return all of them, and which were spoken on request; raises `DatabaseUnavailableError`."""
        released = self._released.current()
        with self._database.read() as session, self._lock:
            state = (released, count_spoken(session))
            if state != self._state:
                spoken = spoken_ids(session) if state[1] else []
                everything = (*(one.episode_id for one in released), *spoken)
                both = Registry(everything, longest=released.longest) if spoken else released
                self._state, self._known = state, (both, frozenset(spoken))
            return self._known


def _state(session: Session) -> tuple[int, int]:
    count, newest = session.exec(
        select(func.count(), func.max(EpisodeRelease.entry_index)).select_from(EpisodeRelease)
    ).one()
    return int(count), -1 if newest is None else int(newest)
