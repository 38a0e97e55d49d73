"""The index of released sound: which episodes an unmarked, stripped excerpt may be taken from.

One row per key of `synth.landmarks`, about 150 a minute, written in the transaction that releases the episode. It needs
no watermark key and proves nothing: what it returns is a list of episodes worth a closer look.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ARRAY, BigInteger, Column, Integer, ScalarSelect, func, literal
from sqlmodel import Field, Session, SQLModel, col, insert, select

from gateway.errors import ReleaseRefusedError
from gateway.submissions import EpisodeFingerprint, EpisodeRelease
from synth.errors import AudioError
from synth.fingerprint import Fingerprint
from synth.landmarks import Lead, Question, rank, stored_keys

KEYS_AT_ONCE = 50_000  # of one statement; they travel as one parameter of half a megabyte
MOST_POSTINGS = 200  # places of one key, beyond which it is not added: a jingle, or the disclosure of every episode


class SoundKey(SQLModel, table=True):
    """One key of one released episode."""

    __table_args__ = {"sqlite_with_rowid": False}  # SQLAlchemy reads it once; the key is the row

    key: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))  # 28 bits
    entry_index: int = Field(  # of the release: shorter than the episode's id, and unique as well
        sa_column=Column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)
    )
    word: int = Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))  # of the fingerprint


@dataclass(frozen=True, slots=True)
class NamedLead:
    """A lead with the id of its episode."""

    episode_id: str
    lead: Lead


def add(session: Session, episode_id: str, *, entry_index: int) -> None:
    """Add the stored fingerprint of an episode to the index, in the caller's transaction.

    Raises `ReleaseRefusedError` if there is none, or none that can be read: the episode could never be confirmed.
    """
    row = session.get(EpisodeFingerprint, episode_id)
    if row is None:
        raise ReleaseRefusedError(f"episode {episode_id} has no fingerprint; produce it again")
    try:
        words, keys = stored_keys(Fingerprint.from_bytes(row.data))
    except AudioError as error:
        raise ReleaseRefusedError(f"the fingerprint of episode {episode_id} cannot be read: {error}") from error
    common = _common(session, keys.tolist())
    rows = [
        {"key": key, "entry_index": entry_index, "word": word}
        for key, word in zip(keys.tolist(), words.tolist(), strict=True)
        if key not in common
    ]
    if rows:
        session.execute(insert(SoundKey), rows)


def find_leads(session: Session, questions: Sequence[Question]) -> list[NamedLead]:
    """Return the released episodes that the questions lead to, best first, at most a hundred."""
    if not questions:
        return []
    asked = np.unique(np.concatenate([question.keys for question in questions]))
    found = _look_up(session, asked.tolist())
    leads = rank([(question, found[np.isin(found[:, 0], question.keys)]) for question in questions])
    if not leads:
        return []
    statement = select(EpisodeRelease.entry_index, EpisodeRelease.episode_id).where(
        col(EpisodeRelease.entry_index).in_([lead.episode for lead in leads])
    )
    names = dict(session.exec(statement).all())
    return [NamedLead(names[lead.episode], lead) for lead in leads if lead.episode in names]


def _look_up(session: Session, keys: list[int]) -> NDArray[np.int64]:
    """Return (key, entry index, word) of every place of the keys, shape (places, 3)."""
    rows: list[tuple[int, int, int]] = []
    for first in range(0, len(keys), KEYS_AT_ONCE):
        chosen = col(SoundKey.key).in_(_listed(session, keys[first : first + KEYS_AT_ONCE]))
        statement = select(SoundKey.key, SoundKey.entry_index, SoundKey.word).where(chosen)
        rows += [(key, entry_index, word) for key, entry_index, word in session.exec(statement)]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def _common(session: Session, keys: list[int]) -> set[int]:
    """Return the keys that have so many places already that one more would only slow every search."""
    found: set[int] = set()
    for first in range(0, len(keys), KEYS_AT_ONCE):
        chosen = col(SoundKey.key).in_(_listed(session, keys[first : first + KEYS_AT_ONCE]))
        statement = select(SoundKey.key).where(chosen).group_by(col(SoundKey.key)).having(func.count() >= MOST_POSTINGS)
        found.update(session.exec(statement))
    return found


def _listed(session: Session, keys: list[int]) -> ScalarSelect[Any]:
    """Return the keys as a subquery with one parameter: one for each key costs more than looking it up."""
    if session.get_bind().dialect.name == "sqlite":
        values = func.json_each(json.dumps(keys)).table_valued("value")
        return select(values.c.value).scalar_subquery()
    return select(func.unnest(literal(keys, ARRAY(Integer)))).scalar_subquery()
