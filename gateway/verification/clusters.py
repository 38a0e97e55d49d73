"""How often one sound, and everything that is nearly the same sound, may be examined.

Whoever wants to remove or forge a mark without the key asks thousands of times about slightly different files. Those
may come from many addresses, but they sound alike. So the landmarks of what was asked lately are kept, in memory, and a
sound that shares most of its own with an earlier one spends from the same bucket.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence

from gateway.buckets import TokenBuckets
from gateway.errors import RateLimitedError
from synth.landmarks import Question

ALIKE = 0.4  # share of a sound's landmarks from which it is a variant: noise 10 dB below leaves half of them, and two
# episodes of a quarter of a minute that begin with the same spoken disclosure share fewer
FEWEST_LANDMARKS = 4  # below them, as in near silence, all sounds count as one: they cannot be told apart
MOST_CLUSTERS = 5_000  # that are remembered: some 100 MB at twelve excerpts each
MOST_ANSWERED = 10_000  # files that are remembered as answered


class ClusterThrottle:
    """Lets each cluster of sounds through `burst` times at once and then once per `interval` seconds; safe for threads.

    The same bytes again cost nothing: their answer is the same, and tells nothing new.
    """

    def __init__(self, *, burst: int, interval: float, clock: Callable[[], float]) -> None:
        self._buckets = TokenBuckets(burst=burst, interval=interval, most=MOST_CLUSTERS, clock=clock)
        self._clusters = Clusters()
        self._answered: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, questions: Sequence[Question], sha256: str) -> None:
        """Count one question about a sound, given by its landmarks as it plays; or raise `RateLimitedError`."""
        with self._lock:
            if sha256 in self._answered:
                self._answered.move_to_end(sha256)
                return
            cluster = self._clusters.of(questions)
        wait = self._buckets.take(cluster)
        if wait:
            raise RateLimitedError(
                f"files that sound like this one were checked too often; try again in {wait} s, or send the file as it "
                "was published",
                retry_after=wait,
            )
        with self._lock:
            self._answered[sha256] = None
            if len(self._answered) > MOST_ANSWERED:
                self._answered.popitem(last=False)


class Clusters:
    """The sounds that were asked about lately, by their landmarks; not safe for threads by itself."""

    def __init__(self) -> None:
        self._keys: OrderedDict[int, tuple[int, ...]] = OrderedDict()  # per cluster, least recently asked first
        self._holders: dict[int, list[int]] = {}  # per key
        self._next = 1

    def of(self, questions: Sequence[Question]) -> int:
        """Return the number of the cluster that a sound belongs to, a new one if it is like no other; 0 is the hum."""
        own = tuple(sorted({key for question in questions for key in question.own.tolist()}))
        if len(own) < FEWEST_LANDMARKS:
            return 0
        agreeing: set[tuple[int, int, int]] = set()  # (cluster, excerpt, word): a word has one vote, whatever its keys
        for excerpt, question in enumerate(questions):
            for word, key in zip(question.words.tolist(), question.keys.tolist(), strict=True):
                for cluster in self._holders.get(key, ()):
                    agreeing.add((cluster, excerpt, word))
        votes = Counter(cluster for cluster, _, _ in agreeing)
        for cluster, count in votes.most_common(1):
            if count >= ALIKE * sum(len(question.own) for question in questions):
                self._keys.move_to_end(cluster)
                return cluster
        return self._begin(own)

    def _begin(self, own: tuple[int, ...]) -> int:
        number, self._next = self._next, self._next + 1
        self._keys[number] = own
        for key in own:
            self._holders.setdefault(key, []).append(number)
        if len(self._keys) > MOST_CLUSTERS:
            oldest, keys = self._keys.popitem(last=False)
            for key in keys:
                self._holders[key].remove(oldest)
                if not self._holders[key]:
                    del self._holders[key]
        return number
