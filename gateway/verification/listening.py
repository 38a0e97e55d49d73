"""The two checks that listen: which marks are in the sound, and whether it is the sound that they were made for."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.db import Database
from gateway.errors import GatewayError, NotFoundError
from gateway.submissions import EpisodeFingerprint
from gateway.verification.case import Case
from gateway.verification.clusters import ClusterThrottle
from gateway.verification.comparison import compare_sound
from gateway.verification.hardening import canonicalise, jitter_seed
from gateway.verification.marks import Search, find_marks
from gateway.verification.passages import report_passage
from gateway.verification.recall import Similar, find_similar, recall
from gateway.verification.registry import KnownEpisodes
from gateway.verification.report import Agreement, Outcome
from gateway.verification.words import describe_agreement, describe_marks, describe_similar
from synth.errors import SynthError
from synth.fingerprint import Fingerprint, listen
from synth.landmarks import plain_questions
from synth.placement import Placement, settle
from synth.watermark import Passage, Payload, Watermark

SHORTEST = 10.0  # seconds of audio below which no mark is looked for: too little to be sure, and cheap to vary


class Listener:
    """Checks 4 and 5 of `gateway.verify`; safe for several threads."""

    def __init__(
        self,
        *,
        database: Database,
        marks: Sequence[Watermark],
        jitter_key: bytes,
        told_bound: float,
        clusters: ClusterThrottle | None,
    ) -> None:
        self._database = database
        self._marks = tuple(marks)
        self._known = KnownEpisodes(database)
        self._jitter_key = jitter_key
        self._told_bound = told_bound
        self._clusters = clusters

    def admit(self, case: Case) -> None:
        """Bring the sound into canonical form and count the question; raises `RateLimitedError`.

        A released file is always examined: whoever has one learns nothing from what is said about it.
        """
        if case.sound is None:
            return
        case.samples = canonicalise(case.sound.samples)
        case.questions = plain_questions(case.samples, case.sound.sample_rate)
        if self._clusters is not None and case.exact is None:
            self._clusters.admit(case.questions, case.sha256)

    def check_marks(self, case: Case) -> None:
        """4. Look for every configured layer, among the released episodes, the likely ones first."""
        add = ("watermark", "Watermark")
        if case.sound is None or case.samples is None:
            case.add(4, *add, Outcome.NOT_APPLICABLE, "There is no decoded sound to listen to.", layers=[])
            return
        try:
            registry, case.spoken = self._known.current()
            if len(registry):
                case.leads = recall(self._database, case.samples, case.sound.sample_rate, case.questions)
        except GatewayError as error:
            case.add(4, *add, Outcome.ERROR, f"The released episodes could not be looked up: {error}.", layers=[])
            return
        if case.sound.duration < SHORTEST:
            words = f"Marks are looked for in {SHORTEST:g} seconds of sound or more; this is shorter."
            case.add(4, *add, Outcome.INCONCLUSIVE, words, layers=[])
            return
        search = Search(
            registry=registry,
            likely=tuple(Payload(lead.episode_id) for lead in case.leads),
            jitter=jitter_seed(self._jitter_key, case.samples),
            told_bound=self._told_bound,
        )
        case.marks = find_marks(case.samples, case.sound.sample_rate, self._marks, search)
        case.identified = case.marks.identified
        outcome, words = describe_marks(case.marks, any_known=len(registry) > 0, spoken=case.identified in case.spoken)
        case.add(4, *add, outcome, words, layers=[layer.to_dict() for layer in case.marks.layers])

    def check_fingerprint(self, case: Case) -> None:
        """5. Compare the sound with every episode that is named; if none is, say which it is similar to."""
        add = ("fingerprint", "Fingerprint of the sound")
        wanted = [case.exact.id if case.exact else None, *case.marks.sure, case.claimed.id if case.claimed else None]
        sure = list(dict.fromkeys(filter(None, wanted)))
        named = list(dict.fromkeys([*sure, *case.marks.named]))
        if case.samples is None:
            case.add(5, *add, Outcome.NOT_APPLICABLE, "There is no decoded sound to compare.")
            return
        try:
            for episode_id in named:
                case.agreement[episode_id] = self._compare(case, episode_id)
            # An episode that only fits a short message need not sound alike; then the sound's own leads are asked.
            if Agreement.AGREES not in case.agreement.values() and not sure:
                case.similar = self._similar(case)
        except (GatewayError, SynthError) as error:
            case.agreement.clear()  # half a comparison supports nothing
            case.passages = ()
            case.add(5, *add, Outcome.ERROR, f"The sound could not be compared: {error}.")
            return
        agreeing = [episode for episode in case.marks.named if case.agreement[episode] is Agreement.AGREES]
        case.identified = case.identified or next(iter(agreeing), None)
        placement = case.placement.value
        if case.similar or not named:
            outcome, words = describe_similar(case.similar)
            case.add(5, *add, outcome, words, placement=placement)
            return
        outcome, words, episode = describe_agreement(case.agreement, sure=set(sure))
        case.add(5, *add, outcome, words, placement=placement, **({"episode_id": episode} if episode else {}))

    def _similar(self, case: Case) -> tuple[Similar, ...]:
        assert case.samples is not None
        assert case.sound is not None
        return find_similar(self._database, case.samples, case.sound.sample_rate, case.leads)

    def _compare(self, case: Case, episode_id: str) -> Agreement:
        """Return how the sound agrees with an episode: each marked passage at its place, then the whole of it."""
        assert case.samples is not None
        assert case.sound is not None
        sample_rate = case.sound.sample_rate
        stored = self._stored(episode_id)
        passages = [passage for passage in case.marks.passages if passage.episode_id == episode_id]
        settled = [settle(case.samples, sample_rate, passage, stored) for passage in passages]
        passages, placements = [passage for passage, _ in settled], [placement for _, placement in settled]
        reported = tuple(map(report_passage, passages, placements))
        case.passages = tuple(sorted((*case.passages, *reported), key=lambda one: one.start))
        if Placement.TRANSPLANTED in placements:
            return Agreement.DISAGREES
        rate, tempo = _played(passages)
        whole = compare_sound(listen(case.samples, sample_rate, rate=rate, tempo=tempo), stored)
        return _together(placements, whole) if passages else whole

    def _stored(self, episode_id: str) -> Fingerprint:
        with self._database.read() as session:
            row = session.get(EpisodeFingerprint, episode_id)
        if row is None:
            raise NotFoundError(f"no fingerprint of episode {episode_id} is stored")
        return Fingerprint.from_bytes(row.data)


def _played(passages: Sequence[Passage]) -> tuple[float, float]:
    """Return how the longest passage is played: the factors on frequency and on pace."""
    longest = max(passages, key=lambda passage: passage.end - passage.start, default=None)
    return (1.0, 1.0) if longest is None else (longest.rate, longest.tempo)


def _together(placements: Sequence[Placement], whole: Agreement) -> Agreement:
    """Return what the marked passages at their places, none of them transplanted, and the whole sound say together.

    A passage is compared more closely than the whole, so it decides where they contradict each other. Where both the
    episode and something else are heard, its passages are inconclusive although the whole agrees.
    """
    genuine = Placement.GENUINE in placements
    if whole is Agreement.AGREES:
        return Agreement.AGREES if all(one is Placement.GENUINE for one in placements) else Agreement.PARTLY
    if whole is Agreement.UNDECIDED:
        return Agreement.AGREES if genuine else Agreement.UNDECIDED
    return Agreement.PARTLY if genuine or whole is Agreement.PARTLY else Agreement.UNDECIDED
