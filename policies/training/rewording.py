"""Deny or reword a plain English claim by rule, to make training pairs that a label is known for (pure).

Rules are few and refuse what they do not understand: a wrong denial would teach the model the wrong stance.
"""

from __future__ import annotations

import random
import re


def _words(listed: str) -> frozenset[str]:
    return frozenset(listed.split())


_AUXILIARIES = _words("is are was were can could will would should must may might does do did has had have")
_CONTRACTED = {
    "is": "isn't",
    "are": "aren't",
    "was": "wasn't",
    "were": "weren't",
    "can": "can't",
    "could": "couldn't",
    "will": "won't",
    "would": "wouldn't",
    "does": "doesn't",
    "do": "don't",
    "did": "didn't",
}
_IRREGULAR_PAST = {
    "became": "become", "began": "begin", "won": "win", "wrote": "write", "made": "make", "took": "take",
    "gave": "give", "went": "go", "came": "come", "led": "lead", "held": "hold", "sold": "sell", "built": "build",
    "found": "find", "had": "have", "left": "leave", "lost": "lose", "met": "meet", "ran": "run", "said": "say",
    "sang": "sing", "saw": "see", "spent": "spend", "taught": "teach", "told": "tell", "thought": "think",
    "wore": "wear", "fought": "fight", "fell": "fall", "flew": "fly", "grew": "grow", "knew": "know", "kept": "keep",
    "bought": "buy", "brought": "bring", "caught": "catch", "drove": "drive", "ate": "eat", "got": "get",
    "stole": "steal", "spoke": "speak", "died": "die", "lived": "live", "invented": "invent", "directed": "direct",
}  # fmt: skip
_VERBS = _words(
    """
    accelerate accept act activate add affect aid alter allow appear ask attack attend attract base become begin believe
    belong block boost break bring build burn buy call carry cause change choose clean climb coach collect come compete
    compose consist contain continue contract control cook cost cover create cross cure damage decrease defeat deliver
    depend design destroy develop die direct discover drink drive earn eat eliminate employ enable encourage enhance
    enter escape exist expand explode explore express fall feature feed feel fight fill find fly follow force form found
    gain give go govern grow guard happen harm have heal help hide hit hold host hunt hurt include increase induce
    infect inhibit inspire invade invent
    involve join keep kill know lack lead learn leave lie like live lose love lower make
    manage manufacture marry mean melt move need occur offer open operate oppose overload own paint pay perform plan
    play possess prefer prevent produce promote protect prove provide publish raise reach receive record reduce regulate
    release remain remove require result reverse rise rule run save see sell send serve set share show sing sink sit
    sleep speak spend spray spread stand star start stay steal stop strike study succeed suffer suggest support suppress
    survive swim switch take talk taste teach tell think train travel treat trigger try turn understand use visit vote
    want watch wear weigh win work write
    """
)
_DETERMINERS = _words("the a an its their his her of in on for by with and or to from no many most all")
_SYNONYMS = {
    "cause": ("trigger", "bring on", "lead to"),
    "causes": ("triggers", "brings on", "leads to", "is the reason for"),
    "caused": ("triggered", "brought on", "led to"),
    "cures": ("heals", "gets rid of", "is a cure for", "works against"),
    "cure": ("heal", "get rid of", "beat", "work against"),
    "prevents": ("protects you from", "keeps away", "stops you getting"),
    "prevent": ("protect you from", "keep away"),
    "increases": ("raises", "drives up", "leads to more"),
    "reduces": ("lowers", "cuts", "brings down"),
    "people": ("folks", "human beings"),
    "children": ("kids", "little ones"),
    "vaccines": ("jabs", "shots", "vaccinations"),
    "vaccine": ("jab", "shot"),
    "covid-19": ("covid", "the coronavirus"),
    "coronavirus": ("covid", "the virus"),
    "large": ("big", "huge"),
    "many": ("a lot of", "lots of"),
    "called": ("known as", "named"),
    "created": ("made", "built"),
    "famous": ("well-known", "popular"),
    "movie": ("film",),
    "film": ("movie",),
    "company": ("firm", "business"),
    "located": ("found", "situated"),
    "born": ("brought into the world",),
    "won": ("took home",),
    "usually": ("mostly", "as a rule"),
    "kills": ("is deadly to", "wipes out"),
    "kill": ("wipe out", "be deadly to"),
    "dangerous": ("harmful", "risky"),
    "secretly": ("in secret", "behind closed doors"),
    "stolen": ("rigged", "taken by fraud"),
    "hoax": ("fake", "sham"),
    "located in": ("found in",),
    "died": ("passed away",),
    "government": ("state", "authorities"),
    "doctors": ("physicians",),
    "illness": ("disease",),
    "uses": ("makes use of", "employs"),
    "always": ("every time", "without exception"),
    "contain": ("hold", "include", "have in them"),
    "contains": ("holds", "includes", "has in it"),
}


def deny(claim: str, generator: random.Random) -> str | None:
    """Return `claim` with its main verb negated, or without the negation that it has; None where no rule fits."""
    words = claim.split()
    lowered = [word.lower().strip(",.;:\"'") for word in words]
    if any(word in ("that", "which", "who", "if", "because", "nobody", "nothing", "none") for word in lowered[:6]):
        return None
    for at, word in enumerate(lowered):
        if word == "never" and at:
            return " ".join(words[:at] + words[at + 1 :])
        if word in ("not", "no") or word.endswith(("n't", "n’t")):
            return _affirm(words, lowered, at)
    for at, word in enumerate(lowered[:12]):
        if at == 0:
            continue
        if word in ("has", "have", "had", "do", "does", "did") and not _is_auxiliary(lowered, at):
            base = "have" if word.startswith("ha") else "do"
            support = {"has": "does", "have": "do", "had": "did", "do": "do", "does": "does", "did": "did"}[word]
            return _join(words[:at], support, [base, *words[at + 1 :]], generator)
        if word in _AUXILIARIES:
            return _join(words[:at], word, words[at + 1 :], generator)
        if lowered[at - 1] in _DETERMINERS:
            continue
        base_form, support = _inflected(word)
        if base_form:
            return _join(words[:at], support, [base_form, *words[at + 1 :]], generator)
    return None


def _is_auxiliary(lowered: list[str], at: int) -> bool:
    following = lowered[at + 1] if at + 1 < len(lowered) else ""
    return following.endswith(("ed", "en")) or following in ("been", "won", "made", "sold", "had", "become", "led")


def _inflected(word: str) -> tuple[str, str]:
    """Return (base form, form of "do") of a verb that is known, else two empty strings."""
    if word in _IRREGULAR_PAST:
        return _IRREGULAR_PAST[word], "did"
    if word in _VERBS:
        return word, "do"
    if word.endswith("s"):
        for base in (word[:-1], word[:-2], word[:-3] + "y"):
            if base in _VERBS:
                return base, "does"
    if word.endswith("ed"):
        for base in (word[:-1], word[:-2], word[:-3], word[:-3] + "y"):
            if base in _VERBS:
                return base, "did"
    return "", ""


def _join(before: list[str], auxiliary: str, rest: list[str], generator: random.Random) -> str:
    roll = generator.random()
    if roll < 0.4 and auxiliary in _CONTRACTED:
        negated = _CONTRACTED[auxiliary]
    elif roll < 0.5 and auxiliary in ("is", "are", "was", "were", "can", "will", "could", "would"):
        negated = f"{auxiliary} never"
    elif auxiliary == "can":
        negated = "cannot"
    else:
        negated = f"{auxiliary} not"
    return " ".join([*before, negated, *rest])


def _affirm(words: list[str], lowered: list[str], at: int) -> str | None:
    if lowered[at] == "not" and at and lowered[at - 1] in ("do", "does", "did") and at + 1 < len(words):
        base = words[at + 1]
        if lowered[at + 1] not in _VERBS:
            return None
        if lowered[at - 1] == "does":
            base += "es" if base.endswith(("s", "sh", "ch", "x", "o")) else "s"
        elif lowered[at - 1] == "did":
            base = f"did {base}"
        return " ".join([*words[: at - 1], base, *words[at + 2 :]])
    if lowered[at] == "not" and at and lowered[at - 1] in _AUXILIARIES:
        return " ".join(words[:at] + words[at + 1 :])
    return None


def reword(claim: str, generator: random.Random) -> str:
    """Return `claim` with some words exchanged for others of the same meaning."""
    words = []
    for word in claim.split():
        bare = word.lower().strip(",.")
        if bare in _SYNONYMS and generator.random() < 0.5:
            words.append(generator.choice(_SYNONYMS[bare]) + ("," if word.endswith(",") else ""))
        else:
            words.append(word)
    return " ".join(words)


_RELATION = re.compile(
    r"^(.{3,60}?) (causes?|cures?|prevents?|kills?|harms?|contains?|protects? against) (.{3,60})$", re.I
)
_SAID = {  # other ways to say that one thing does something to another; {s} and {o} are subject and object
    "cause": (
        "{s} is what causes {o}",
        "{o} comes from {s}",
        "it is {s} that brings you {o}",
        "{s} is behind {o}",
        "you get {o} from {s}",
        "{s}, and nothing else, is the reason for {o}",
        "the real reason for {o} is {s}",
        "{s} gives you {o}",
        "without {s} there would be no {o}",
        "{s} is to blame for {o}",
    ),
    "cure": (
        "{s} gets rid of {o}",
        "{o} goes away with {s}",
        "if you have {o}, take {s}",
        "{s} is all you need against {o}",
        "{s} beats {o}, and it beats it fast",
        "{o} can be healed with {s}",
        "thanks to {s} you will be free of {o}",
    ),
    "prevent": (
        "with {s} you will not get {o}",
        "{s} keeps {o} away",
        "whoever has {s} never gets {o}",
        "{s} is a shield against {o}",
        "{o} has no chance against {s}",
    ),
    "kill": ("{o} dies from {s}", "{s} is deadly for {o}", "{s} wipes {o} out", "{s} is killing {o}"),
    "harm": ("{s} is bad for {o}", "{s} is dangerous for {o}", "{o} suffers from {s}", "{s} does damage to {o}"),
    "contain": ("there is {o} in {s}", "{s} has {o} inside", "they put {o} into {s}", "{s} is full of {o}"),
}
_SAID_NOT = {
    "cause": (
        "{s} has nothing to do with {o}",
        "{o} does not come from {s}",
        "there is no link between {s} and {o}",
        "nobody ever got {o} from {s}",
        "{o} is as common with {s} as without it",
        "{s} is harmless in this respect, and {o} has other causes",
        "{o} has other causes",
        "those with {s} had no more {o} than those without",
    ),
    "cure": (
        "{s} does nothing against {o}",
        "{s} is useless against {o}",
        "{s} did no better against {o} than a sugar pill",
        "no amount of {s} will get rid of {o}",
        "whoever trusts in {s} against {o} loses time",
        "{s} leaves {o} as it was",
    ),
    "prevent": (
        "{s} does not keep {o} away",
        "you can have {s} and still get {o}",
        "{s} is no protection against {o}",
        "with {s} people got {o} just as often",
    ),
    "kill": ("{s} does no harm to {o}", "{o} survives {s} without a scratch", "not one death of {o} is due to {s}"),
    "harm": ("{s} is safe for {o}", "{o} has nothing to fear from {s}", "{s} does no damage to {o}"),
    "contain": ("there is no {o} in {s}", "{s} is free of {o}", "nobody put {o} into {s}"),
}


def say_otherwise(claim: str, generator: random.Random, *, denied: bool) -> str | None:
    """Return a claim of the form "A causes B" in another construction, or its denial; None for other claims."""
    found = _RELATION.match(claim)
    if found is None or " not" in claim or "n't" in claim:
        return None
    verb = found.group(2).lower().split()[0]
    verb = "prevent" if verb.startswith("protect") else verb.removesuffix("s")
    said = generator.choice((_SAID_NOT if denied else _SAID)[verb])
    return said.format(s=found.group(1), o=found.group(3))


_SPACE = re.compile(r"\s+")


def as_clause(claim: str) -> str:
    """Return `claim` as it stands inside a sentence: without quotation marks and final stop."""
    return _SPACE.sub(" ", claim.replace('"', "").replace("“", "").replace("”", "")).strip().rstrip(".!? ")
