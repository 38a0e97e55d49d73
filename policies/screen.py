"""Run every rule of a policy over a manuscript and add the findings up to one decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from policies.decision import Decision, Finding, Guidance, Span, Verdict, strictest
from policies.errors import InvalidPolicyError, ModelUnavailableError, ScreeningError
from policies.homophones import Homophones, Pronunciations
from policies.policy import Coverage, Policy, Rule
from policies.respelled import RESPELLED, Covered, read_respelled
from policies.respelling import Vocabulary
from policies.scores import Examination, Scoring, SentenceScores, sentence_scores
from policies.text import Manuscript, primary_language
from policies.views import Views, build_views

# Rules that are run at a time. Their models are different ones, so two cores are put to use even where the products of
# one model are too small to be shared between cores.
WORKERS = 2
# A day of speech; a longer text is no script. Bounds the time of one screening.
MAX_CHARACTERS = 1_000_000


class Screener:
    """A policy with its rules, ready to judge; immutable, so one instance serves all threads."""

    def __init__(
        self,
        *,
        policy: Policy,
        rules: Sequence[Rule],
        by_language: Mapping[str, Sequence[Rule]] | None = None,
        pronunciations: Pronunciations | None = None,
    ) -> None:
        """`by_language` holds the rules for scripts in languages for which some rule has settings of its own.

        Without `pronunciations`, strange spellings are not read by their sound, and the coverage says so.
        """
        if not rules:
            raise InvalidPolicyError("there are no rules to run; a screener without rules would allow everything")
        names = [rule.id for rule in rules]
        if len(set(names)) != len(names):
            raise InvalidPolicyError(f"two rules have the same id in {sorted(names)}; give each rule its own")
        self._policy = policy
        self._rules = tuple(rules)
        self._by_language = {language: tuple(chosen) for language, chosen in (by_language or {}).items()}
        vocabulary = policy.lexicon.vocabulary
        self._vocabulary = Vocabulary(vocabulary)
        self._homophones = (
            None if pronunciations is None else Homophones(vocabulary=vocabulary, pronunciations=pronunciations)
        )

    @property
    def policy(self) -> Policy:
        """The policy that decides."""
        return self._policy

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that run for a language without settings of its own."""
        return self._rules

    @property
    def models(self) -> tuple[tuple[str, str], ...]:
        """(model id, digest) of all models that the rules use, sorted."""
        dictionary = {self._homophones.model} if self._homophones else set()
        return tuple(sorted({model for rule in self._rules for model in rule.models} | dictionary))

    @property
    def coverage(self) -> tuple[tuple[str, str], ...]:
        """(category, coverage) of everything this policy judges or declares that it cannot judge, sorted."""
        return self._coverage(self._rules)

    def _coverage(self, rules: Sequence[Rule]) -> tuple[tuple[str, str], ...]:
        judged = {category for rule in rules for category in rule.categories}
        declared = set(self._policy.not_evaluated) - judged
        (judged if self._homophones else declared).add(RESPELLED)
        return tuple(
            sorted(
                [(category, str(Coverage.EVALUATED)) for category in judged]
                + [(category, str(Coverage.NOT_EVALUATED)) for category in declared]
            )
        )

    def screen(self, manuscript: Manuscript) -> Decision:
        """Return the decision on `manuscript`.

        Raises `ScreeningError` when any rule cannot run or the text is longer than `MAX_CHARACTERS`: a shorter list of
        findings is never returned as if it were complete.
        """
        return self._decide(manuscript, self._read(manuscript))

    def examine(self, manuscript: Manuscript) -> Examination:
        """Return the decision together with the models' scores of every sentence; raises as `screen` does."""
        views = self._read(manuscript)
        decision = self._decide(manuscript, views)  # first, because it also refuses what cannot be judged
        (scored,) = self._scored([views])
        return Examination(decision, scored)

    def examine_all(self, manuscripts: Sequence[Manuscript]) -> list[Examination | ScreeningError]:
        """Examine many texts together, which is faster than one by one; one that cannot be judged yields its error."""
        read: list[Views | ScreeningError] = []
        for manuscript in manuscripts:
            try:
                read.append(self._read(manuscript))
            except ScreeningError as error:
                read.append(error)
        # All sentences are scored at once; the rules then find their scores where the model remembers them.
        scored = iter(self._scored([views for views in read if isinstance(views, Views)]))
        examined: list[Examination | ScreeningError] = []
        for manuscript, views in zip(manuscripts, read, strict=True):
            if isinstance(views, ScreeningError):
                examined.append(views)
                continue
            sentences = next(scored)
            try:
                examined.append(Examination(self._decide(manuscript, views, together=False), sentences))
            except ScreeningError as error:
                examined.append(error)
        return examined

    def _scored(self, views: Sequence[Views]) -> list[tuple[SentenceScores, ...]]:
        rules = [rule for rule in self._rules if isinstance(rule, Scoring)]
        try:
            return sentence_scores(rules, views)
        except Exception as error:
            raise ScreeningError(
                f"a model could not score these sentences ({type(error).__name__}); repair it and screen again"
            ) from error

    def _read(self, manuscript: Manuscript) -> Views:
        if len(manuscript.text) > MAX_CHARACTERS:
            raise ScreeningError(
                f"the script has {len(manuscript.text)} characters, more than {MAX_CHARACTERS}; split it into episodes"
            )
        _refuse_impossible_text(manuscript)
        try:
            return build_views(manuscript, vocabulary=self._vocabulary)
        except Exception as error:
            raise ScreeningError(
                f"the text could not be read ({type(error).__name__}), so nothing is known about it; report the script"
            ) from error

    def _decide(self, manuscript: Manuscript, views: Views, *, together: bool = True) -> Decision:
        """Run all rules, two at a time if `together`; findings keep the order of the rules either way."""
        rules = self._by_language.get(primary_language(manuscript.language), self._rules)
        check = partial(_checked, manuscript=manuscript, views=views)
        if together:
            with ThreadPoolExecutor(WORKERS) as pool:
                found = list(pool.map(check, rules))
        else:
            found = [check(rule) for rule in rules]
        findings = [finding for listed in found for finding in listed]
        findings += self._respelled(rules, manuscript, views, findings)
        placed = [replace(finding, span=manuscript.author_span(finding.span)) for finding in findings]
        ordered = sorted(placed, key=_order)
        return Decision(
            verdict=strictest([finding.verdict for finding in ordered]),
            findings=tuple(ordered),
            policy_id=self._policy.id,
            policy_version=self._policy.version,
            policy_digest=self._policy.digest,
            models=self.models,
            script_digest=manuscript.digest,
            coverage=self._coverage(rules),
            guidance=self._guidance(ordered),
        )

    def _respelled(
        self, rules: Sequence[Rule], manuscript: Manuscript, views: Views, known: Sequence[Finding]
    ) -> list[Finding]:
        """Return what the rules find where strange spellings are read by their sound, as a review at most.

        This is a second run, so that it can only add: no guess takes the place of a finding on the words as written.
        """
        if self._homophones is None or primary_language(manuscript.language) != "en":
            return []
        respelled = read_respelled(views, self._homophones)
        if respelled is None:
            return []
        spans: dict[tuple[str, str], list[Span]] = {}
        settled: dict[str, list[Span]] = {}  # what a rule judged with evidence on the words as written, and let pass
        for finding in known:
            if finding.verdict is not Verdict.ALLOW:
                spans.setdefault((finding.rule, finding.category), []).append(finding.span)
            elif finding.evidence:
                settled.setdefault(finding.rule, []).append(finding.span)
        places = {kind: Covered(found) for kind, found in spans.items()}
        passed = {rule: Covered(found) for rule, found in settled.items()}
        nowhere = Covered(())
        added = []
        for rule in rules:
            for finding in _checked(rule, manuscript, respelled.views):
                if finding.verdict is Verdict.ALLOW or not respelled.replaced.touches(finding.span):
                    continue
                if passed.get(finding.rule, nowhere).touches(finding.span):
                    continue
                if not places.get((finding.rule, finding.category), nowhere).touches(finding.span):
                    added.append(replace(finding, verdict=Verdict.REVIEW, view=RESPELLED))
        return added

    def _guidance(self, findings: Sequence[Finding]) -> tuple[Guidance, ...]:
        """Return what the pack tells reviewers about the categories that were found, each once."""
        found = (self._policy.guidance_for(category) for category in sorted({one.category for one in findings}))
        return tuple(dict.fromkeys(one for one in found if one is not None))


def _checked(rule: Rule, manuscript: Manuscript, views: Views) -> list[Finding]:
    try:
        found = rule.check(manuscript, views)
        _refuse_impossible_findings(found, length=len(manuscript.text))
        return found
    except Exception as error:
        reason = str(error) if isinstance(error, (ScreeningError, ModelUnavailableError)) else type(error).__name__
        raise ScreeningError(
            f"rule {rule.id!r} could not run ({reason}), so nothing is known about this script; "
            "repair the rule or its model and screen again"
        ) from error


def _order(finding: Finding) -> tuple[int, int, int, str, str]:
    """Strictest first, then by place."""
    return (
        Verdict.BLOCK.severity - finding.verdict.severity,
        finding.span.start,
        finding.span.end,
        finding.rule,
        finding.category,
    )


def _refuse_impossible_findings(findings: Sequence[Finding], *, length: int) -> None:
    """Raise if a rule points outside the text or gives no score: what else it says cannot be trusted either."""
    for finding in findings:
        if not 0 <= finding.span.start <= finding.span.end <= length:
            raise ScreeningError(f"it points at characters {finding.span.start} to {finding.span.end} of {length}")
        if not 0.0 <= finding.score <= 1.0:  # false for NaN as well
            raise ScreeningError(f"its score {finding.score} is not between 0 and 1")


def _refuse_impossible_text(manuscript: Manuscript) -> None:
    try:
        manuscript.text.encode()
        if manuscript.origin is not None:
            manuscript.origin.text.encode()
    except UnicodeEncodeError as error:
        raise ScreeningError(
            f"character {error.start} is half of a surrogate pair, so the text has no UTF-8 form; repair its encoding"
        ) from error
    if manuscript.origin is not None and len(manuscript.origin.places) != len(manuscript.text):
        raise ScreeningError("the way back to the author's text is broken; the script was read wrongly, report it")
    for turn in manuscript.turns:
        if not 0 <= turn.start <= turn.end <= len(manuscript.text):
            raise ScreeningError(
                f"a turn covers characters {turn.start} to {turn.end} of a text of {len(manuscript.text)}; "
                "the script was read wrongly, so nothing was screened"
            )
