"""Words addressed to a machine that judges, transcribes or summarises the script, in the open or encoded.

They never take effect here: no rule reads instructions, and an optional language-model judge can only add findings.
They show intent all the same, and the text may reach other machines. The verdict is a review and not a block, because a
programme about such attacks has to quote one, and quotation marks can be forged by an attacker as well.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
from collections.abc import Iterator, Mapping, Sequence

from policies.decision import Finding, Span, Verdict
from policies.errors import ModelUnavailableError
from policies.rule_settings import PromptInjectionRule
from policies.rules.hazards import TopicModel
from policies.text import Manuscript
from policies.views import ORIGINAL, View, Views

CATEGORY = "prompt_injection"
_MOST_FINDINGS = 100

# All quantifiers are bounded, so hostile input costs linear time.
_BEFORE = r"(?:previous|prior|above|earlier|preceding|foregoing|former|existing)"
_ORDERS = (
    r"(?:instructions?|prompts?|rules?|guidelines?|directions?|directives?|polic(?:y|ies)|commands?|context|messages?|"
    r"programming|training|constraints?|restrictions?|safeguards?|guardrails?|filters?|protocols?)"
)
_MACHINE = (
    r"(?:a\.?i\.?|llms?|(?:large )?language models?|(?:moderation|screening|safety|content) (?:models?|"
    r"systems?|bots?|ai|agents?)|"
    r"moderator bots?|classifiers?|chat ?bots?|ai assistants?|automated (?:reviewers?|systems?|moderators?)|"
    r"(?:ai|machine) (?:reviewers?|moderators?|judges?|models?|systems?|agents?)|transcri(?:ber|ption "
    r"(?:system|model|bot))|"
    r"chatgpt|gpt|claude|gemini|copilot)"
)
_CLEAN = (
    r"(?:allow(?:ed)?|approved?|safe|pass(?:ed)?|benign|harmless|clean|compliant|acceptable|not flagged|non-?toxic|"
    r"unflagged)"
)
_TOKENS = re.compile(
    r"<\|[A-Za-z_]{2,24}\|>|\[/?INST\]|<</?SYS>>|</?(?:system|assistant|instructions?|prompt|im_start|im_end)>"
    r"|\[/?(?:system|assistant|admin|developer|sys)(?: (?:message|prompt|note|override))?\]"
    r"|(?:^|\n)[ \t]{0,8}#{2,4} ?(?:system|instructions?|assistant|new instructions?)(?: (?:prompt|"
    r"message))?\b[ \t]{0,4}:?"
    r"|\b(?:begin|end|start) (?:of )?(?:the )?(?:system|hidden|new) (?:prompt|instructions?|message)\b"
    r"|\bsystem (?:prompt|message|override|notice|instructions?) ?:",
    re.IGNORECASE,
)
_INSTRUCTIONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:ignore|disregard|forget|override|bypass|skip|discard|neglect|(?:do not|don['’]t|stop) "
        rf"(?:follow|obey)(?:ing)?)"
        rf"(?: \w+){{0,3}} {_BEFORE}(?: \w+){{0,2}} {_ORDERS}\b",
        r"\b(?:ignore|disregard|forget|override|bypass) (?:all |any |the |your |of |these |those "
        r"){1,3}(?:\w+ ){0,2}?"
        r"(?:instructions|guidelines|programming|system prompt|prompts|safety (?:rules|checks?|guidelines|"
        r"filters?)|content polic(?:y|ies)|"
        r"moderation|restrictions|training|safeguards|guardrails|filters|polic(?:y|ies)|directives)\b",
        r"\b(?:ignore|disregard|forget) (?:everything|anything|all|whatever)(?: \w+){0,4} (?:above|before|"
        r"previously|so far|until now|told)\b",
        rf"\b(?:output|return|respond|reply|answer|print|say|emit)(?: only| just| simply| back| with| the| a| "
        rf"an| verdict| decision|"
        rf" label| word| nothing but| exactly){{0,5}} [\"'“‘]?{_CLEAN}\b(?= (?:verdict|decision|and nothing|for "
        rf"(?:this|every|all|the))|[\"'”’.!]|$)",
        rf"\b(?:mark|classify|label|rate|flag|score|treat|report|approve|judge|evaluate|deem) (?:this|the|the "
        rf"following|following|my|everything|all|it)"
        rf"(?: (?:script|text|episode|content|passage|message|transcript|document|submission|input|"
        rf"conversation|below|here)){{0,3}}"
        rf" as (?:being )?(?:entirely |completely |fully )?{_CLEAN}\b",
        r"\b(?:verdict|decision|label|rating|result|output|response) (?:must|should|has to|is to|shall|needs "
        r"to) be (?:set to )?[\"'“]?(?:allow|safe|pass|benign|harmless|clean|not flagged)\b",
        r"[\"'“]?\b(?:verdict|decision|flagged|is_safe|moderation|label)[\"'”]\s{0,3}:\s{0,3}[\"'“]?(?:allow|"
        r"approved?|safe|false|true|pass)\b",
        r"[\"'“]findings[\"'”]\s{0,3}:\s{0,3}\[\s{0,3}\]",
        r"\bset (?:\w+ ){0,3}?(?:scores?|toxicity|threshold|verdict|decision|flagged|label)(?: \w+){0,3} (?:to|"
        r"=) ?(?:0(?:\.0)?|zero|allow|false|safe)\b",
        rf"\b(?:dear|hello|hey|attention|note to|notes? for|message (?:to|for)|instructions? (?:to|for)|to) "
        rf"(?:the |any |all |every |an? )?{_MACHINE}"
        r"(?: (?:reading|that reads|who reads|processing|reviewing|evaluating|scanning) (?:this|it|the "
        r"\w+))?\s{0,2}[,:;—–-]",
        rf"\bif you(?: are|['’]re) (?:an? |the )?(?:\w+ )?{_MACHINE}\b",
        rf"\bas (?:the|an?|our|your) (?:\w+ )?(?:{_MACHINE}|moderator|screener|content reviewer),? you (?:must|"
        rf"should|will|have to|need to|are to)\b",
        r"\byou are (?:now |hereby |no longer )(?:\w+ ){0,3}?(?:dan\b|in developer mode|unrestricted|"
        r"uncensored|jailbroken|free of|freed|bound by|"
        r"without (?:any )?(?:rules|restrictions|filters|limits)|not bound|restricted|an? (?:ai|model|"
        r"assistant|bot|chatbot)\b)",
        r"\b(?:developer|debug|god|admin|jailbreak|dan|unrestricted|maintenance) mode (?:is |has been )?(?:now "
        r")?(?:enabled|activated|on\b|unlocked)",
        r"\b(?:enter|enable|activate|switch to|start) (?:the )?(?:developer|debug|god|jailbreak|dan|"
        r"unrestricted) mode\b",
        r"\b(?:act|behave|respond|speak|answer) as (?:dan\b|an? (?:unrestricted|uncensored|unfiltered|"
        r"jailbroken|evil) (?:ai|model|assistant|bot))",
        r"\bpretend (?:that )?(?:you (?:have|are under) no|there are no) (?:\w+ )?(?:rules|restrictions|"
        r"guidelines|content policy|policy|filters?|limits)\b",
        r"\b(?:reveal|print|show|repeat|output|display|leak|tell me|give me) (?:me |us )?(?:your|the) (?:\w+ "
        r")?(?:system prompt|hidden prompt|"
        r"initial (?:prompt|instructions)|hidden instructions|secret instructions|original instructions|"
        r"instructions you were given)\b",
        r"\b(?:do not|don['’]t|never) (?:flag|moderate|screen|transcribe|censor) "
        r"(?:this|the following|the next|what follows|my (?:script|text|words|message)|any of this)",
        r"\btranscriber\b[,:]? (?:please )?(?:do not|don['’]t|leave out|omit|skip|write|ignore)",
        r"\b(?:content|safety|moderation) (?:policy|policies|filters?|checks?|rules) (?:has|have|is|are)(?: "
        r"\w+){0,2} (?:disabled|suspended|lifted|switched off|turned off|void)\b",
        r"\b(?:your|these) (?:new )?instructions (?:are|have changed|no longer apply|"
        r"follow)\b.{0,40}(?:approve|allow|ignore|output|respond|:)",
        r"\b(?:the )?previous instructions (?:no longer apply|are (?:void|cancelled|obsolete))",
        r"\bwithout (?:running|applying|doing) (?:the |any )?(?:safety|moderation|content|policy) (?:checks?|"
        r"filters?|screening|review)\b",
    )
)
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{24,4096}={0,2}")
_HEXADECIMAL = re.compile(r"\b(?:[0-9A-Fa-f]{2}[ :]?){12,2048}")
_READABLE = re.compile(r"[A-Za-z]{2,}(?:[ ,.'!?:]{1,3}[A-Za-z]{1,}){3,}")
_EXPLANATIONS = {
    "tokens": "Marks that separate roles in a prompt mean nothing to listeners; they are for a language model.",
    "instructions": "The words tell a machine how to judge or treat the text, not a listener anything.",
    "encoded": "A run of characters decodes to readable text that no reader sees.",
    "model": "The model hears instructions to a machine.",
}


class PromptInjection:
    """Finds role marks, instructions to models, transcribers and reviewers, and readable text in encoded form."""

    id = "prompt_injection"
    categories = (CATEGORY,)

    def __init__(self, *, model: TopicModel | None, settings: PromptInjectionRule) -> None:
        """`model` may be None for patterns alone."""
        if model is not None and CATEGORY not in model.topics:
            raise ModelUnavailableError(f"model {model.models[0][0]} has no topic {CATEGORY!r}; use heads that have it")
        self._model = model
        self._settings = settings
        self.models = model.models if model is not None else ()
        self.verdicts = tuple({settings.verdict, settings.control_tokens})

    def check(self, manuscript: Manuscript, views: Views) -> list[Finding]:
        """Search every view for patterns, then let the model read the sentences that hold none."""
        del manuscript  # the views hold all of it
        findings: list[Finding] = []
        searched: set[str] = set()
        for view in views.all:
            if view.text in searched:
                continue
            searched.add(view.text)
            for kind, start, end in _search(view):
                span = view.span(start, end)
                if not any(finding.span == span for finding in findings[-_MOST_FINDINGS:]):
                    findings.append(self._finding(kind, span, 1.0, view.name))
                if len(findings) >= _MOST_FINDINGS:
                    return findings  # all have the same meaning, and a person reads the script anyway
        return findings + self._heard(views, findings)

    def scores(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        """Return the model's score for each text, 1.0 where a pattern fits; without a model only the latter."""
        if not texts:
            return []
        values = [0.0] * len(texts)
        if self._model is not None:
            column = self._model.topics.index(CATEGORY)
            values = [float(value) for value in self._model.score(self._model.encode(texts))[:, column]]
        return [
            {CATEGORY: 1.0 if any(_search(View(ORIGINAL, text, range(len(text))))) else value}
            for text, value in zip(texts, values, strict=True)
        ]

    def _heard(self, views: Views, known: list[Finding]) -> list[Finding]:
        if self._model is None:
            return []
        readings = [
            (sentence, name, text)
            for sentence in views.sentences
            if not any(found.span.start < sentence.end and sentence.start < found.span.end for found in known)
            for name, text in views.readings(sentence.start, sentence.end)
        ]
        if not readings:
            return []
        texts = list(dict.fromkeys(text for _, _, text in readings))
        column = self._model.topics.index(CATEGORY)
        scores = dict(zip(texts, self._model.score(self._model.encode(texts))[:, column], strict=True))
        findings: dict[int, Finding] = {}
        for sentence, name, text in readings:
            if scores[text] >= self._settings.review and sentence.start not in findings:
                span = Span(sentence.start, sentence.end)
                findings[sentence.start] = self._finding("model", span, float(scores[text]), name)
        return list(findings.values())

    def _finding(self, kind: str, span: Span, score: float, view: str) -> Finding:
        verdict = self._settings.control_tokens if kind == "tokens" else self._settings.verdict
        if kind == "model" and verdict is Verdict.BLOCK:
            verdict = Verdict.REVIEW  # a model's guess alone blocks nothing
        threshold = self._settings.review if kind == "model" else None
        return Finding(self.id, CATEGORY, verdict, span, round(score, 4), _EXPLANATIONS[kind], view, threshold)


def _search(view: View) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, start, end) of everything in the view that no listener is meant to hear."""
    text = view.text
    for match in _TOKENS.finditer(text):
        start = match.start() + len(match.group()) - len(match.group().lstrip())
        yield "tokens", start, match.end()
    for pattern in _INSTRUCTIONS:
        for match in pattern.finditer(text):
            yield "instructions", match.start(), match.end()
    yield from _encoded(text)
    turned = codecs.decode(text, "rot13")
    for pattern in _INSTRUCTIONS[:3]:
        for match in pattern.finditer(turned):
            yield "encoded", match.start(), match.end()


def _encoded(text: str) -> Iterator[tuple[str, int, int]]:
    for match in _ENCODED.finditer(text):
        run = match.group().rstrip("=").replace("-", "+").replace("_", "/")
        try:
            content = base64.b64decode(run + "=" * (-len(run) % 4), validate=True)
        except (binascii.Error, ValueError):
            continue  # safe to ignore: not base64 after all
        if _is_readable(content):
            yield "encoded", match.start(), match.end()
    for match in _HEXADECIMAL.finditer(text):
        digits = re.sub(r"[ :]", "", match.group())
        if _is_readable(bytes.fromhex(digits)):
            yield "encoded", match.start(), match.end()


def _is_readable(content: bytes) -> bool:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return text.isprintable() and _READABLE.search(text) is not None
