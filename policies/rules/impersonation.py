"""Speaking as a real person or an authority: first-person claims, speaker labels, cloned voices, scam calls (no I/O
but the list of people, read once).

A synthetic voice that says "I am" a living person is a forgery whatever else it says. News says "the president said";
satire and quotations are noted, not held. Consent to use a voice is checked where voices are cast, not here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from policies.decision import Finding, Span, Verdict
from policies.rule_settings import ImpersonationRule
from policies.rules.reported_speech import is_reported
from policies.sentences import Sentence
from policies.text import Manuscript
from policies.views import ORIGINAL, Views

IMPERSONATION, SCAM = "impersonation", "scam"
_PEOPLE = Path(__file__).with_name("public_people.toml")
_MOST_FINDINGS = 100
_OPENING_CHARACTERS = 600  # where a programme says what it is
_NEIGHBOURS = 3  # sentences within which a caller who gives a name asks for money or secrets

_PLACES = (
    r"(?:street|road|avenue|lane|square|island|county|park|hotel|school|university|college|hospital|bridge|station|"
    r"building|house)"
)
_SATIRE = re.compile(
    r"\b(?:satir\w+|parod(?:y|ies|ied)|spoof|impression(?:s|ist)?|sketch(?:es)?|comedy|not the real|fictional|"
    r"radio play|"
    r"drama(?:tisation|tization)?|actors?)\b",
    re.IGNORECASE,
)
_NEWS = re.compile(
    r"\b(?:scammers?|fraudsters?|criminals?|police|warn\w*|fake[sd]?|hoax|fraud|report\w*|investigat\w*|"
    r"victims?|detect\w*|"
    r"researchers?|lawsuit|sued|banned|law|refused?|consent|never|illegal|without permission|listeners were told|"
    r"said|says|according)\b",
    re.IGNORECASE,
)
_AUTHORITY = re.compile(
    r"\b(?:this is|(?:i|we)(?: am|['’]m| are|['’]re)(?: \w+){0,3}? (?:from|with|calling from)|calling (?:you "
    r")?from|on behalf of|here from|"
    r"i(?:['’]m| am) (?:your|the|an?)) (?:(?:the|your|our|an?) )?(?:\w+ ){0,3}?"
    r"(?:bank|fraud (?:department|team)|security (?:team|department)|tax office|revenue service|irs|hmrc|"
    r"police|sheriff|fbi|microsoft|"
    r"apple|amazon|paypal|google|netflix|visa|mastercard|social security|immigration|customs|embassy|technical "
    r"support|support team|"
    r"tech support|court|electricity company|phone company|delivery company|post office|lottery|pension office|"
    r"account manager)\b"
    r"|\byour (?:bank|card issuer|tax office) (?:is )?calling\b",
    re.IGNORECASE,
)
_PRIVATE = (
    r"(?:pin|pass(?:word|code|phrase)s?|(?:one[- ]time|verification|security|six[- ]digit|6[- ]digit|access|"
    r"sms) (?:code|number)s?|codes?|"
    r"card (?:number|details)|cvv|account (?:number|details)|bank(?:ing)? details|login|credentials|social "
    r"security number|"
    r"date of birth|mother['’]s maiden name|seed phrase|private key)"
)
_DEMAND = re.compile(
    rf"\b(?:give|tell|read|confirm|provide|enter|type|send|say|share|verify|repeat|need|spell)(?: \w+){{0,4}}? "
    rf"(?:your|the|that|this|me the) (?:\w+ ){{0,4}}?{_PRIVATE}\b"
    r"|\b(?:buy|pay|paid|send|purchase)(?: \w+){0,4}? (?:gift cards?|vouchers?|bitcoin|crypto\w*|itunes|steam "
    r"cards?|wire|western union|moneygram)\b"
    r"|\b(?:transfer|move|wire|send|withdraw)(?: \w+){0,2}? (?:your|the|all) (?:\w+ ){0,3}?(?:money|savings|"
    r"funds|cash|balance|amount)\b"
    r"|\b(?:install|download|open|run) (?:\w+ ){0,3}?(?:anydesk|teamviewer|remote (?:access|control|"
    r"desktop)\w*|this program|the program)\b"
    r"|\bpress (?:one|two|nine|\d)\b[^.?!]{0,60}\b(?:agent|officer|cancel|dispute|representative|account)\b"
    r"|\b(?:safe|secure) account\b|\bremote access\b|\b(?:warrant|arrested)\b[^.?!]{0,60}\b(?:pay|fine|unless)\b",
    re.IGNORECASE,
)
_WARNING = re.compile(
    r"\b(?:never|not|don['’]t|won['’]t|would not|wouldn['’]t|hang up|scam\w*|fraudsters?|warn\w*|beware|suspicious|"
    r"pretend\w*|claim(?:s|ed|ing)|fake|impersonat\w*)\b",
    re.IGNORECASE,
)
_EXPLANATIONS = {
    "claim": "The speaker says in the first person that he is a real person or holds a high office.",
    "label": "A part is labelled with the name of a real person, so a synthetic voice would speak as that person.",
    "voice": "The script says that it uses, or wants, the voice of a real person.",
    "scam": "Somebody who poses as an authority asks for money or secrets.",
}
_NOTE = " It is framed as satire, drama or a report, so this is a note."


class Impersonation:
    """Finds claims to be somebody, parts labelled as real people, cloned voices, and calls by false authorities."""

    id = "impersonation"
    categories = (IMPERSONATION, SCAM)
    models: tuple[tuple[str, str], ...] = ()

    def __init__(self, *, settings: ImpersonationRule) -> None:
        listed = tomllib.loads(_PEOPLE.read_text(encoding="utf-8"))
        people = [*_names(listed["people"]), *(name.lower() for name in settings.people)]
        titles = _any(_names(listed["titles"]))
        name = rf"(?!(?i:{_PLACES})\b)[A-Z][\w'’-]+"
        who = (
            rf"(?:(?i:(?:the )?(?:real |former )?(?:{titles} )?(?:{_any(people)}))"
            rf"|(?i:(?:{titles})) {name}(?: {name})?)\b(?!['’]s\b)(?! (?i:{_PLACES})\b)"
        )
        self._who = re.compile(who)
        # What follows "this is" must show a speaker: "this is President Hall's house" and captions are no claims.
        self._claim = re.compile(
            rf"(?i:\b(?:I am|I['’]m|my name is|it['’]?s me,?|you are (?:speaking|talking) (?:to|with)|you are "
            rf"listening to the voice of)) {who}"
            rf"(?! (?i:fan|supporter|voter|impersonator))"
            rf"|(?i:\bthis is) (?i:your )?{who}(?=[.,!;:—–]|$|(?i: (?:speaking|here|calling|and "
            rf"(?:I|this|today)|with (?:a|an) (?:\w+ )?message|live)\b))"
            rf"|(?i:\b(?:I am|I['’]m|speaking as|I, as|as your|I,) (?:the |your "
            rf")?(?:{_any(_names(listed['offices']))}))\b"
            rf"|(?i:\bas your (?:president|prime minister|chancellor|king|queen|mayor|governor)\b,? I\b)"
        )
        self._voice = re.compile(
            rf"(?i:\b(?:in|with|using) (?:the|a|an) (?:\w+ ){{0,3}}?voices? of) {who}"
            rf"|(?i:\b(?:voice|deep ?fake|audio|recording) clones? of|\bdeep ?fake(?:d|s)?(?: \w+){{0,2}} "
            rf"(?:of|voice of)|\b(?:cloned?|cloning|imitat(?:e|es|ing)|mimic(?:s|king)?|replicat(?:e|ing)|"
            rf"synthesi[sz](?:e|ed|ing)) (?:the )?voice of) {who}"
            rf"|(?i:\b(?:clone|imitate|mimic|copy|replicate|sound (?:exactly |just )?like)) {who}(?:['’]s (?i:voice))?"
            rf"|(?i:\b(?:ai|artificial|synthetic|cloned|fake) (?:voice|version) of) {who}"
            r"|(?i:\b(?:clone|cloned|copy|steal|use) (?:his|her|their|someone['’]s|somebody['’]s|my (?:boss|ex|"
            r"neighbour|neighbor|teacher|colleague)['’]s) voice\b)"
            r"|(?i:\bmake (?:it|this|the voice|the recording) sound (?:exactly |just )?like (?:my|the|our) "
            r"(?:boss|ceo|president|mayor|ex|teacher|minister)\b)"
        )
        self._verdict = settings.verdict
        self.verdicts = (settings.verdict, Verdict.ALLOW)

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Look at the labels of parts, then at every sentence in every reading."""
        framed = _SATIRE.search(manuscript.text[:_OPENING_CHARACTERS]) is not None
        findings = list(self._labels(manuscript, framed=framed))
        sentences = views.sentences
        for at, sentence in enumerate(sentences):
            for name, text in views.readings(sentence.start, sentence.end):
                kind = self._kind(text)
                if kind is not None and not is_reported(text):
                    around = _around(manuscript, sentences, at, 1)
                    note = framed or _SATIRE.search(around) or (kind == "voice" and _NEWS.search(around))
                    findings.append(self._finding(IMPERSONATION, kind, sentence, name, note=bool(note)))
                    break
            if len(findings) >= _MOST_FINDINGS:
                return findings  # all have the same meaning, and a person reads the script anyway
        return findings + self._scams(manuscript, sentences)

    def _kind(self, text: str) -> str | None:
        if self._claim.search(text):
            return "claim"
        return "voice" if self._voice.search(text) else None

    def _labels(self, manuscript: Manuscript, *, framed: bool) -> Iterator[Finding]:
        seen: set[str] = set()
        for turn in manuscript.turns:
            # Labels are written in capitals or as names; both must be recognised.
            if turn.speaker not in seen and self._who.fullmatch(turn.speaker.replace("_", " ").title()):
                yield self._finding(
                    IMPERSONATION, "label", Sentence(turn.start, turn.end, 0, spoken=True), ORIGINAL, note=framed
                )
            seen.add(turn.speaker)

    def _scams(self, manuscript: Manuscript, sentences: tuple[Sentence, ...]) -> list[Finding]:
        text = manuscript.text
        findings: list[Finding] = []
        for at, sentence in enumerate(sentences):
            if len(findings) >= _MOST_FINDINGS:
                break
            if _AUTHORITY.search(text, sentence.start, sentence.end) is None:
                continue
            around = _around(manuscript, sentences, at, 1)
            if _WARNING.search(text, sentence.start, sentence.end) or is_reported(around):
                continue
            for near in sentences[at : at + 1 + _NEIGHBOURS]:
                asked = near.segment == sentence.segment or near.spoken == sentence.spoken
                if (
                    asked
                    and _DEMAND.search(text, near.start, near.end)
                    and not _WARNING.search(text, near.start, near.end)
                ):
                    whole = Sentence(sentence.start, near.end, sentence.segment, spoken=sentence.spoken)
                    note = _SATIRE.search(text[:_OPENING_CHARACTERS]) is not None
                    findings.append(self._finding(SCAM, "scam", whole, ORIGINAL, note=note))
                    break
        return findings

    def _finding(self, category: str, kind: str, place: Sentence, view: str, *, note: bool) -> Finding:
        verdict = Verdict.ALLOW if note else self._verdict
        explanation = _EXPLANATIONS[kind] + (_NOTE if note else "")
        return Finding(self.id, category, verdict, Span(place.start, place.end), 1.0, explanation, view)


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := " ".join(part.split()))]


def _any(names: list[str]) -> str:
    """Return a pattern of all names, the longest first, so that "vice president" wins over "vice"."""
    return "|".join(re.escape(name) for name in sorted(set(names), key=len, reverse=True))


def _around(manuscript: Manuscript, sentences: tuple[Sentence, ...], at: int, count: int) -> str:
    first, last = max(0, at - count), min(len(sentences) - 1, at + count)
    return manuscript.text[sentences[first].start : sentences[last].end]
