"""What all parts share: the subject, its rivals, the results, and how much of everything is done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.policies import own_sets, rivals
from bench.policies.measures import Measure
from bench.policies.rivals import Rival
from bench.policies.subject import Outcome, Subject, imported_claims
from bench.store import Key, Store
from policies.knowledge import ClaimRecord

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; every table states the counts it really has."""

    texts: int | None = None  # of each set, evenly spread over it; None is all
    languages: int = 150  # cases of Multilingual HateCheck for each language
    training: int = rivals.TRAINING_ROWS  # rows of the frozen encoder's regression
    repeats: int = 5  # of each timing


QUICK_SIZE = Size(texts=24, languages=4, training=200, repeats=1)


@dataclass(slots=True)
class Bench:
    """One run. Models are loaded when a part first asks for them."""

    folder: Path  # for results and small files; outside version control
    store: Store
    size: Size
    data: Path | None = None  # folder of the public sets
    spoken: bool = False  # also speak what text screening lets pass, and listen
    console: Console = field(default_factory=Console)
    _subject: Subject | None = None
    _rivals: list[Rival] = field(default_factory=list)

    @property
    def subject(self) -> Subject:
        """The policy in force."""
        if self._subject is None:
            self._subject = Subject.load(self.folder / "policies")
        return self._subject

    @property
    def rivals(self) -> list[Rival]:
        """Our model alone first, then what anyone could have; the frozen encoder needs the public training rows."""
        if not self._rivals:
            self._rivals = [rivals.model(self.subject), rivals.lexicon(self.subject)]
            if not rivals.are_installed():
                self.console.print("Rivals are left out: run `make setup-bench` to have them measured too.")
                return self._rivals
            self._rivals.append(rivals.support_vectors())
            if self.data is not None:
                self._rivals.append(rivals.frozen_encoder(self.subject, self.data, rows=self.size.training))
        return self._rivals

    @property
    def imported(self) -> list[ClaimRecord]:
        """The records of another publisher's file, imported as an operator imports them.

        The importer makes ids of its own; here the last part of a record's address is its id, as in the passages.
        """
        records = imported_claims(own_sets.imported_file())
        return [record.model_copy(update={"id": record.url.rpartition("/")[2]}) for record in records]

    @property
    def version(self) -> str:
        """What kept numbers must agree in: subject, sets and size."""
        return f"{self.subject.version} sets@{own_sets.digest()} {self.size}"

    def pick(self, items: Sequence[Item]) -> list[Item]:
        """Return all items, or as many as the size asks for, evenly spread."""
        return spread(items, self.size.texts)

    def judged(
        self,
        part: str,
        items: Iterable[tuple[str, str]],
        *,
        subject: Subject | None = None,
        language: str = "en",
    ) -> dict[str, Outcome]:
        """Return the outcome of every (id, text); what this run's store holds already is not judged again."""
        listed = list(items)
        key = ("outcomes", part, language, (subject or self.subject).version, self.version)
        kept = self.store.get(*key)
        if kept is not None and list(kept) == [name for name, _ in listed]:
            return {name: Outcome.from_json(value) for name, value in kept.items()}
        outcomes = (subject or self.subject).examine([text for _, text in listed], language=language)
        names = [name for name, _ in listed]
        result = dict(zip(names, self.watched(part, outcomes, len(listed)), strict=True))
        if len(result) != len(names):
            raise ValueError(f"{part}: two texts have the same id; give each its own")
        self.store.put(key, {name: outcome.to_json() for name, outcome in result.items()})
        return result

    def watched(self, title: str, items: Iterable[Item], total: int) -> Iterator[Item]:
        """Yield the items while a bar shows how far it is."""
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console, transient=True) as progress:
            yield from progress.track(items, total=total, description=title)

    def keep(self, name: str, measure: Measure) -> None:
        """Keep a headline number under `name`, by which a floor may refer to it."""
        self.store.put(("measure", name), [measure.value, measure.low, measure.high, measure.count])

    def kept(self) -> dict[str, Measure]:
        """Return all headline numbers."""
        return {key[0]: Measure(*value) for key, value in self.store.find("measure")}

    def miss(self, part: str, names: Iterable[str]) -> None:
        """Keep the ids of the texts that went wrong; never the texts."""
        self.store.put(("misses", part), list(names))

    def once(self, key: Key, make: Callable[[], Any]) -> Any:
        """Return what is kept under `key` for this version, or make and keep it."""
        full = (*key, self.version)
        if full not in self.store:
            self.store.put(full, make())
        return self.store.get(*full)


def spread(items: Sequence[Item], count: int | None) -> list[Item]:
    """Return `count` items evenly spread over `items`; all if it is None or there are no more."""
    if count is None or count >= len(items):
        return list(items)
    return [items[number * len(items) // count] for number in range(count)]
