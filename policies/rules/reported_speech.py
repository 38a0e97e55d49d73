"""Tell an author's own words from words that the author reports, quotes or condemns (pure).

A classifier scores words. "He called her a rat and was dismissed" holds the same words as the attack. These cues never
clear a finding of hate; they turn a block into a question for a person.
"""

from __future__ import annotations

import re

_QUOTED = re.compile(r"[\"“”«»][^\"“”«»]{2,400}[\"“”«»]|(?<!\w)['‘][^'‘’]{3,400}['’](?!\w)|[\"“«][^\"“”«»]{2,400}$")
_REPORTING = re.compile(
    r"\b(?:said|says|saying|told|tells|called|calls|calling|shouted|shouts|shouting|yelled|screamed|cried|"
    r"whispered|muttered|"
    r"replied|answered|asked|wrote|writes|written|tweeted|posted|chanted|sprayed|painted|read|reads|claimed|claims|"
    r"laughed|snapped|growled|hissed|roared|snarled|sneered|spat|heard|hearing|describes?|described|word|words|"
    r"slur|slurs|phrase|threatened|threatening)\b",
    re.IGNORECASE,
)
_CONDEMNING = re.compile(
    r"\b(?:racist|racism|sexist|sexism|bigot\w*|homophobi\w*|transphobi\w*|antisemiti\w*|islamophobi\w*|prejudice\w*|"
    r"condemn\w*|unacceptable|wrong|hateful|hatred|hurtful|ashamed|shameful|disgraceful|suspended|banned|"
    r"fined|convicted|"
    r"sentenced|arrested|charged|dismissed|fired|investigat\w*|apologi[sz]\w*|never (?:say|use|call)|no place|"
    r"should not|shouldn't|must not|mustn't|stop (?:saying|calling|telling)|not (?:ok|okay|acceptable|funny|"
    r"true)|police|court|"
    r"victims?|inquiry|testif\w*|witness\w*|propaganda|slurs?|abuse|threatening letter)\b",
    re.IGNORECASE,
)
_FIRST_PERSON_SPEECH = re.compile(r"\bI (?:say|said|shout|tell|told|swear|repeat)\b|\bI'?ll say\b", re.IGNORECASE)


def is_reported(text: str) -> bool:
    """Say whether `text` holds quoted words that somebody other than the author is said to have spoken."""
    if _FIRST_PERSON_SPEECH.search(text):
        return False
    quoted = list(_QUOTED.finditer(text))
    if not quoted:
        return False
    outside = "".join(
        text[start:end]
        for start, end in zip(
            [0, *(match.end() for match in quoted)], [*(match.start() for match in quoted), len(text)], strict=True
        )
    )
    return bool(_REPORTING.search(outside))


def is_condemned(text: str) -> bool:
    """Say whether `text` condemns or reports, outside any quotation, what was said or done."""
    outside = _QUOTED.sub(" ", text)
    return bool(_CONDEMNING.search(outside)) and not _FIRST_PERSON_SPEECH.search(outside)
