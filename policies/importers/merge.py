"""Put imported records together with those that are there: what is new, known, changed or left out (pure)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from policies.errors import KnowledgeBaseError
from policies.importers.found import Found, Reason, Skipped
from policies.importers.records import ImportSettings, fingerprint, record_of
from policies.knowledge import ClaimRecord

MAX_RECORDS = 100_000  # of one knowledge base: their vectors take about 300 MB of memory in each process
LISTED = 20  # skipped items of each reason that are told with their place; the others are only counted


@dataclass(slots=True)
class Merge:
    """A knowledge base in the making."""

    records: dict[str, ClaimRecord]  # by id, in order
    read: int = 0
    new: int = 0
    updated: int = 0
    known: int = 0
    changed_at_source: int = 0  # known, with another rating or date now, and not updated
    skipped: Counter[Reason] = field(default_factory=Counter)
    listed: list[Skipped] = field(default_factory=list)
    _prints: dict[str, str] = field(default_factory=dict)  # fingerprint of a record, its id
    _seen: set[str] = field(default_factory=set)  # ids met in this import

    @classmethod
    def onto(cls, existing: Sequence[ClaimRecord]) -> Merge:
        """Start from the records that are there."""
        merge = cls({record.id: record for record in existing})
        merge._prints = {_print(record): record.id for record in existing}
        return merge

    def take(self, items: Iterable[Found | Skipped], settings: ImportSettings, *, update: bool) -> None:
        """Add the reviews of one file; `update` takes over what changed at the source of known ones.

        A known record keeps what its operator may have decided: topic, harm, wordings, validity. Raises
        `KnowledgeBaseError` when there are more records than a process can hold.
        """
        for item in items:
            self.read += 1
            record = item if isinstance(item, Skipped) else record_of(item, settings)
            if isinstance(record, Skipped):
                self._skip(record, settings)
            else:
                self._add(record, item.place, settings, update=update)

    def _add(self, record: ClaimRecord, place: str, settings: ImportSettings, *, update: bool) -> None:
        printed = _print(record)
        known = self._prints.get(printed)
        if known is None and record.id in self.records:
            self._skip(Skipped(Reason.TAKEN_ID, place, record.id), settings)
            return
        if known is None:
            if len(self.records) >= MAX_RECORDS:
                raise KnowledgeBaseError(
                    f"more than {MAX_RECORDS} records; import fewer, for example one language or the last years"
                )
            self._prints[printed] = record.id
            self._seen.add(record.id)
            self.records[record.id] = record
            self.new += 1
        elif known in self._seen:
            self._skip(Skipped(Reason.DUPLICATE, place, known), settings)
        else:
            self._seen.add(known)
            self._meet(known, record, update=update)

    def _meet(self, known: str, record: ClaimRecord, *, update: bool) -> None:
        old = self.records[known]
        changed = {
            key: getattr(record, key)
            for key in ("reviewRating", "datePublished", "title", "itemReviewed")
            if getattr(record, key) not in (None, getattr(old, key))
        }
        if not changed:
            self.known += 1
        elif update:
            self.records[known] = old.model_copy(update=changed | {"source": record.source or old.source})
            self.updated += 1
        else:
            self.changed_at_source += 1

    def _skip(self, skipped: Skipped, settings: ImportSettings) -> None:
        self.skipped[skipped.reason] += 1
        if self.skipped[skipped.reason] <= LISTED:
            self.listed.append(replace(skipped, file=settings.source))


def _print(record: ClaimRecord) -> str:
    return fingerprint(record.claimReviewed, record.author.name, record.url)
