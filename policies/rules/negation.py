"""Whether a sentence negates the claim that it talks about: clause by clause, without negations that do not count."""

from __future__ import annotations

import re

_NEGATION = re.compile(
    r"\b(?:not|never|no|none|neither|nor|cannot|nothing|nobody|hardly|unable|fails? to|failed to|unlikely|"
    r"rather than|nowhere|far from)\b|n['’]t\b",
    re.IGNORECASE,
)
# Negations that leave the claim standing: "no doubt that", "they do not tell you that", "do not vaccinate, because".
_IDLE = re.compile(
    r"(?:\b|(?=n['’]t))(?:not|n['’]t) (?:only|just|merely|simply|necessarily alone)\b"
    r"|\bno (?:doubt|question|wonder|coincidence|surprise|accident|longer|secret(?= that\b|[,:]| to\b)|"
    r"one(?: \w+)? (?:talks?|tells?|mentions?|admits?|wants?|dares?)|matter|other)\b"
    r"|\bnot (?:a|an|by) (?:coincidence|secret|surprise|accident|chance)\b"
    r"|\b(?:cannot|can['’]t|can not|nobody can|no one can) (?:deny|be denied|ignore)\b"
    r"|(?:\b|(?=n['’]t))(?:not|n['’]t|never|refuses? to|nobody|no one|none of them) (?:\w+ ){0,2}?"
    r"(?:tell|tells|told|say|says|admit|admits|mention|mentions|report|reports|want|wants|know|knows|realise|realize|understand|"
    r"teach|talk|talks|care|cares|acknowledge|discuss|reveal|explain|publish|let|forget|ignore|hide|afraid|"
    r"fooled|wait)\b"
    r"|(?:^|[,;:.!—-] ?|\b(?:so|and|please|just) )(?:do not|don['’]t|never) (?:ever )?(?:vaccinate|trust|"
    r"take|get|give|drink|eat|use|wear|believe|buy|go|accept|allow|put|inject|visit|see|listen|waste|bother|"
    r"be|comply)\b"
    r"|\b(?:do|did|does|is|are|have|has|was|were|would|could)n['’]t (?:you|it|they|we)\b.{0,80}\?"
    r"|\bnot to mention\b|\bif not\b|\bwhy not\b|\bor not\b",
    re.IGNORECASE,
)
_ANYTHING_BUT = re.compile(r"\banything but\b", re.IGNORECASE)  # its "but" begins no clause
_CLAUSE = re.compile(
    r"[,;:—–]|\b(?:because|but|while|whereas|although|though|so that|which is why|and that is why|"
    r"even though|since|yet)\b|(?:, | )and (?=\w+ \w+ )",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z]{4,}")


def is_negated(text: str, field: str) -> bool:
    """Say whether the clause of `text` that shares most words with `field` holds a negation that counts."""
    cleaned = _ANYTHING_BUT.sub("not", _IDLE.sub(" ", text))
    clauses = [clause for clause in _CLAUSE.split(cleaned) if clause and clause.strip()]
    if not clauses:
        return False
    wanted = stems(field)
    best = max(clauses, key=lambda clause: len(stems(clause) & wanted))
    if len(stems(best) & wanted) * 2 < len(stems(cleaned) & wanted):
        best = cleaned  # the claim is spread over several clauses
    return len(_NEGATION.findall(best)) % 2 == 1 if _double(best) else bool(_NEGATION.search(best))


def _double(clause: str) -> bool:
    """Two negations cancel out only in "it is not true that it does not"; "no, never" does not."""
    return bool(
        re.search(
            r"\bnot? (?:true|evidence|proof|the case) that\b.*(?:\bnot\b|\bno\b|n['’]t\b|\bnever\b)",
            clause,
            re.IGNORECASE,
        )
    )


def stems(text: str) -> frozenset[str]:
    """Return the first five letters of the longer words: enough to see that two clauses speak of the same thing."""
    return frozenset(word[:5] for word in _WORD.findall(text.lower()))
