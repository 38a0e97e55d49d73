"""Words that turn talk of a hazard around: questions of protection, and reports of what others did (pure).

Sentence vectors show what a sentence is about better than what it wants. "How do I spot a forged note" and "how do I
forge a note" lie close together. These cues lower a model's score; they never clear a listed phrase.
"""

from __future__ import annotations

import re

_ASKING = (
    r"(?:how (?:to|do (?:i|you|we|people)|can (?:i|you|we|parents|people|they)|does one|should (?:i|we|you)|"
    r"would (?:i|you))|"
    r"ways? (?:to|of)|methods? (?:to|of)|tips (?:to|for|on)|want(?:s|ed)? to|need(?:s)? to|tr(?:y|ying) to|"
    r"help(?:s|ed)? (?:\w+ ){0,3}?(?:to )?|"
    r"teach(?:es)? (?:\w+ ){0,3}?to|learn(?:s)? to|guide (?:to|on)|you|(?:easier|safer|easy) (?:than you think "
    r")?to|someone|way to|"
    r"instructions (?:to|for)|so that you|is important to|anyone can|please)"
)
_PROTECTING = (
    r"(?:protect\w*|prevent\w*|recogni[sz]\w+|spot(?:ting)?|detect\w*|report(?:ing)?|notice|warn\w*|"
    r"stop(?:ping)? (?!for|at|by)|"
    r"quit(?:ting)?|recover(?:ing)?|treat(?:ing)?|safely|legally|secure|defend(?:ing)?|survive|escape from|block a|"
    r"back up|defuse|counter|support (?:a|my|someone|somebody)|"
    r"help (?:a|my|someone|somebody|people|victims|him|her|them)|get help|find help|talk (?:to|about|with)|"
    r"cope with|dispose of (?:old|unused)|"
    r"keep (?:\w+ ){1,3}?(?:safe|away|from|out)|check whether|get off|get (?:\w+ ){1,2}?off|leave (?:a|my|"
    r"your) violent|call|"
    r"know (?:if|whether)|avoid (?:being |getting |mixing |accidental )?(?:scam\w*|phish\w*|fraud\w*|hack\w*|"
    r"rob\w*|poison\w*|"
    r"overdos\w*|infect\w*|harm\w*|injur\w*|cleaning|accident\w*|attack\w*))"
)
_PROTECTIVE = re.compile(rf"\b{_ASKING}\s(?:\w+ly )?{_PROTECTING}", re.IGNORECASE)
_OUGHT_NOT = re.compile(
    r"\b(?:nobody|no one|you|we|people|children|never) (?:should|must|may|ought to) (?:never|not|ever)\b|"
    r"\b(?:do not|don['’]t|never|please do not|please don['’]t) (?:ever )?(?:hurt|harm|kill|stop taking|try|"
    r"mix|double|share|"
    r"tell|give|trust|believe|drink|swallow|take more|leave)\b|\bwill never ask\b|\bnobody should ever\b",
    re.IGNORECASE,
)
_REPORT = re.compile(
    r"\b(?:police|prosecutors?|investigators?|detectives?|officials?|the (?:court|jury|judge|trial|inquiry|"
    r"report|sheriff|"
    r"coroner|mayor|minister|ministry|charity|study|museum|film|novel|documentary|book|play|historian|"
    r"defendant|suspects?|killer|murderer|gunman|attacker|bomber|thie(?:f|ves)|"
    r"survivors?|victims?))(?:['’]s)? (?:\w+ )?(?:says?|said|hears?|heard|finds?|found|found out|stopped|"
    r"believes?|warn(?:s|ed)?|"
    r"wants?|denies|denied|follows?|tells?|told|shows?|describes?|had|is about|arrested|seized|testified|remembers?|"
    r"admits?|admitted|condemned|wrote|was|were)\b"
    r"|\b(?:myths?|rumou?rs?|hoax(?:es)?|false claims?|chain (?:message|letter)s?|viral (?:post|video|message|claim)s?|"
    r"influencers?|bloggers?|quacks?)\b|\b(?:is|are|was|were) (?:false|untrue|nonsense|a lie|wrong)\b"
    r"|^[\"'“‘]?(?:no|nope|wrong|false)[,.!:]"
    r"|\b(?:was|were|been|being|is|are) (?:\w+ )?(?:arrested|charged|sentenced|jailed|convicted|accused|indicted|fined|"
    r"condemned|banned|caught|found guilty)\b"
    r"|\b(?:it is|it's|is) (?:a crime|illegal|against the law|forbidden)\b|\bwent to prison\b|\blaws? (?:that "
    r")?(?:punish\w*|forbids?|bans?)\b"
    r"|\b(?:in|since|until|before|during) (?:1[0-9]|20)\d\d\b",
    re.IGNORECASE,
)
_SUPPORT = re.compile(
    r"\byou(?: are|['’]re) not alone\b|\b(?:help|crisis|hot)[- ]?lines?\b|\bsamaritans\b|\breach out\b|"
    r"\b(?:talk|speak|turn) to (?:a|an|your|someone|somebody)\b|\btherap(?:y|ists?)\b|\bcounsell?(?:ors?|ing)\b",
    re.IGNORECASE,
)
# What a cue leaves of a score. Cues can be written by an attacker, so a very sure score still reaches a person.
_LEFT_BY_PROTECTION = 0.4
_LEFT_BY_REPORT = 0.5


def share_left(text: str) -> float:
    """Return the factor 0..1 that the cues in `text` leave of a hazard score; 1.0 where there are none."""
    if _PROTECTIVE.search(text) or _OUGHT_NOT.search(text) or _SUPPORT.search(text):
        return _LEFT_BY_PROTECTION
    return _LEFT_BY_REPORT if _REPORT.search(text) else 1.0
