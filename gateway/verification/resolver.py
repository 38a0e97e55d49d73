"""From what a watermark says to the manifests of the episodes that it may stand for (C2PA soft binding resolution).

A short message fits many episodes, and its weights are public: a match is a candidate, never an attribution.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gateway.db import Database
from gateway.errors import MalformedQueryError
from gateway.releases import find_released, manifest_of_label
from gateway.verification.registry import ReleasedEpisodes
from gateway.verification.report import Conclusion, Report

CODE_BITS = 64
IDENTITY, MESSAGE, SAME, COPY, ALIKE = 100, 50, 100, 90, 50  # similarity scores, of 100

_SCORES = {Conclusion.GENUINE: SAME, Conclusion.RECOVERED_COPY: COPY, Conclusion.ALTERED: COPY}


@dataclass(frozen=True, slots=True)
class Match:
    """One manifest that a query may mean."""

    manifest_label: str
    score: int  # 0 to 100


class SoftBindingResolver:
    """Finds released episodes by the values of their soft bindings; safe for several threads.

    `algorithms` says per soft binding algorithm how many bits its value has.
    """

    def __init__(self, *, database: Database, algorithms: Mapping[str, int]) -> None:
        self.algorithms = dict(algorithms)
        self._database = database
        self._released = ReleasedEpisodes(database)

    def by_binding(self, algorithm: str, value: bytes, *, most: int) -> list[Match]:
        """Return the manifests of the episodes whose mark says `value`; raises `MalformedQueryError`."""
        bits = self.algorithms.get(algorithm)
        if bits is None:
            raise MalformedQueryError(f"'{algorithm[:80]}' is not resolved here; see /v1/services/supportedAlgorithms")
        if len(value) != -(-bits // 8) or int.from_bytes(value, "big") >> bits:
            raise MalformedQueryError(f"a value of {algorithm} has {bits} bits in {-(-bits // 8)} bytes, big-endian")
        registry = self._released.current()
        fitting = (registry.codes >> (CODE_BITS - bits) == int.from_bytes(value, "big")).nonzero()[0]
        score = IDENTITY if bits == CODE_BITS else MESSAGE
        found: list[Match] = []
        for index in fitting:
            if len(found) >= most:
                break
            found += self._manifests(registry[int(index)].episode_id, score)
        return found[:most]

    def by_report(self, report: Report, *, most: int) -> list[Match]:
        """Return the manifests of the episodes that a verification names, the surest first."""
        found: list[Match] = []
        if report.episode is not None and report.conclusion in _SCORES:
            found += self._manifests(report.episode.id, _SCORES[report.conclusion])
        for one in report.similar:
            found += self._manifests(one.episode_id, ALIKE)
        return found[:most]

    def manifest_sha256(self, label: str) -> str | None:
        """Return the digest of the stored manifest with this label, if its episode is released."""
        with self._database.read() as session:
            return manifest_of_label(session, label)

    def _manifests(self, episode_id: str, score: int) -> list[Match]:
        with self._database.read() as session:
            episode = find_released(session, episode_id)
        return [Match(clip.manifest_label, score) for clip in episode.clips] if episode is not None else []
