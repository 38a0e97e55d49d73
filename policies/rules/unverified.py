"""Sentences that promise cures or declare elections stolen: no record is needed to want a person to look (pure)."""

from __future__ import annotations

import re

from policies.rules.negation import is_negated
from policies.rules.stance import is_rebuttal

_DISEASE = (
    r"(?:cancers?|tumou?rs?|autism|diabetes|alzheimer['’]?s|dementia|parkinson['’]?s|hiv|aids|covid(?:-19)?|"
    r"coronavirus|measles|polio|ebola|malaria|"
    r"tuberculosis|arthritis|epilepsy|multiple sclerosis|heart disease|leukaemia|leukemia|infertility|"
    r"depression|asthma|lupus|herpes|hepatitis|stroke)"
)
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:cures?|cured|reverses?|heals?|healed|eliminates?|wipes? out|melts? away|dissolves?|"
        r"kills?) (?:\w+ ){0,3}?" + _DISEASE,
        r"\b(?:cleared?|clears|starves?|dissolved|shrank|shrinks?|flush(?:es|ed)? out|melted|gets? rid of|"
        r"got rid of) (?:\w+ ){0,3}?" + _DISEASE,
        _DISEASE + r" (?:will |would |simply |just )*"
        r"(?:starves?|disappears?|disappeared|melts?|vanish\w*|dissolves?|goes away|go away|shrinks? away)\b",
        r"\b(?:chlorine dioxide|miracle mineral|black salve|colloidal silver) (?:\w+ ){0,3}?(?:cleared|"
        r"healed|helps?|works?|drops|solution)\b",
        r"\b(?:miracle|secret|hidden|ancient|forbidden|one weird) (?:\w+ ){0,2}?(?:cure|remedy|treatment|trick)\b",
        r"\b(?:doctors|big pharma|pharma|the drug companies|"
        r"the medical establishment) (?:\w+ ){0,4}?(?:hid(?:e|es|ing)|suppress\w*|(?:don['’]t|"
        r"do not) want you to know)",
        r"\b(?:vaccines?|jabs?|(?:the|these|those|covid|flu|booster) shots?|vaccinations?|"
        r"mrna) (?:\w+ ){0,4}?(?:causes?|caused|causing|gives?|gave|destroys?|alters?|changes? your|poisons?|"
        r"sterili[sz]es?|kills?|killed|killing) ",
        r"\b(?:election|vote|votes|ballots?|voting machines?) (?:\w+ ){0,4}?(?:stolen|rigged|flipped|"
        r"switched|hacked|fraudulent)\b",
    )
)
# Advice is no statement that could be checked, but people act on it all the same.
_ADVICE = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:stop taking|throw away|throw out|quit|replace|flush|dump|ditch) (?:your|the|those|these) (?:\w+ ){0,2}?"
        r"(?:insulin|medication|"
        r"medicines?|chemotherapy|chemo|antidepressants?|inhaler|blood pressure pills|heart pills|pills)\b",
        r"\b(?:drink|drinking|inject|injecting|swallow|swallowing|gargle|gargling) (?:\w+ ){0,2}?(?:bleach|"
        r"disinfectant|turpentine|colloidal silver|peroxide|borax|chlorine dioxide|urine|methanol)\b",
        r"\b(?:vote|voting|polls?) (?:\w+ ){0,6}?(?:by text|via text|text message|on wednesday instead)\b",
    )
)
_NOT_A_CLAIM = re.compile(
    r"\?\s*[\"'”’]?$|\b(?:trial|study|studies|trials|patients?|could|might|may|hope\w*|aims?|campaign|charged|accused|court|alleged\w*|lawsuit|claims?|claimed|"
    r"claiming|research\w*|scientists|novel|film|used to|rumou?rs?|myths?|poison control|if you|warn\w*|"
    r"danger\w*|harmful|illegal)\b",
    re.IGNORECASE,
)


def is_unverified_claim(sentence: str) -> bool:
    """Say whether `sentence` states such a claim as a fact, neither negated nor reported."""
    if not any(pattern.search(sentence) for pattern in (*_PATTERNS, *_ADVICE)):
        return False
    return not (_NOT_A_CLAIM.search(sentence) or is_negated(sentence, sentence) or is_rebuttal(sentence))


def is_advice(sentence: str) -> bool:
    """Say whether `sentence` tells people to do such a thing, which no head for check-worthy statements recognises."""
    return any(pattern.search(sentence) for pattern in _ADVICE)
