"""Guess topic and harm tier of an imported claim by its words (pure).

A guess decides no more than which category a finding has and, for false claims, whether it may block. It can be
overruled for a whole import, and in each record.
"""

from __future__ import annotations

import re

from policies.knowledge import Harm, Topic

# The first topic with the most hits wins, so the order is the order of preference.
_STEMS: dict[Topic, str] = {
    "health": r"""
    vaccin\w*|jabs?|mrna|booster|covid\w*|coronavirus|sars|pandemic|virus\w*|influenza|flu|measles|polio|hiv|
    aids|ebola|mpox|monkeypox|cancer\w*|tumou?rs?|diabet\w*|insulin|autis\w*|alzheimer\w*|dementia|stroke|
    heart attacks?|doctors?|hospitals?|medic\w*|drugs?|pills?|antibiotic\w*|antidepressant\w*|ivermectin|
    hydroxychloroquine|cure[sd]?|curing|remed\w*|heal\w*|disease\w*|illness\w*|infect\w*|symptom\w*|immun\w*|
    vitamin\w*|supplement\w*|detox\w*|diet\w*|nutrition\w*|obes\w*|pregnan\w*|fertil\w*|infertil\w*|
    abortion\w*|contracept\w*|fluorid\w*|bleach|homeopath\w*|essential oils?|raw milk|blood|masks?|cdc|fda|
    nhs|public health|mental health|depress\w*|suicid\w*|sunscreen\w*|cholesterol|smoking|vap(?:e|es|ing)|
    toxins?|lungs?|kidneys?|liver""",
    "elections": r"""
    election\w*|ballot\w*|vot(?:e|es|ed|er|ers|ing)|polls?|polling|candidate\w*|electoral|recount\w*|
    referend\w*|dominion|voting machines?|campaign\w*|turnout|evm|evms|mail-in|absentee|inaugurat\w*|
    caucus\w*|primar(?:y|ies)|parliamentary seats?""",
    "climate": r"""
    climat\w*|global warming|greenhouse|carbon|co2|emission\w*|fossil fuels?|sea levels?|glacier\w*|ice caps?|
    arctic|antarctic\w*|polar bears?|wildfire\w*|hurricane\w*|weather|drought\w*|heatwave\w*|wind turbines?|
    wind farms?|solar panels?|renewable\w*|chemtrail\w*|geoengineering|net zero|cloud seeding|haarp""",
    "technology": r"""
    5g|wi-?fi|internet|phones?|smartphones?|mobile phones?|whatsapp|facebook|google|tiktok|twitter|ai|
    artificial intelligence|chatgpt|deepfake\w*|robots?|microchips?|chips?|batter(?:y|ies)|electric (?:cars?|
    vehicles?)|evs?|bitcoin|crypto\w*|blockchain|software|hackers?|hacked|computer\w*|satellites?|tesla""",
    "science": r"""
    nasa|earth|moon|mars|planet\w*|space|asteroid\w*|evolution\w*|dinosaur\w*|fossils?|gravity|physic\w*|
    scientist\w*|scien\w*|gmos?|genetic\w*|dna|species|animals?|sharks?|nuclear|radiation|volcano\w*|
    earthquake\w*|brain|telescope\w*|eclipse\w*|atoms?|aliens?|ufos?""",
    "history": r"""
    holocaust|nazi\w*|hitler|world war|wwii|ww2|slavery|slaves?|civil war|ancient|medieval|century|pyramid\w*|
    napoleon\w*|titanic|viking\w*|roman empire|colonial\w*|9/11|kennedy|jfk|soviet\w*|cold war|histor\w*|
    pharaoh\w*|columbus""",
}
_PATTERNS: tuple[tuple[Topic, re.Pattern[str]], ...] = tuple(
    (topic, re.compile(r"(?<!\w)(?:" + re.sub(r"\s*\n\s*", "", stems) + r")(?!\w)", re.IGNORECASE))
    for topic, stems in _STEMS.items()
)
_GRAVE: frozenset[Topic] = frozenset({"health", "elections"})


def guess_topic(claim: str, title: str | None = None) -> Topic:
    """Return the topic with the most of its words in claim (counted twice) and title; "society" when there are none."""
    best: Topic = "society"
    most = 0
    for topic, pattern in _PATTERNS:
        hits = 2 * len(set(pattern.findall(claim.lower())))
        hits += len(set(pattern.findall((title or "").lower())))
        if hits > most:
            best, most = topic, hits
    return best


def guess_harm(topic: Topic, *, rated_false: bool) -> Harm:
    """Return "high" for false claims about health and elections, on which listeners act; else "low"."""
    return "high" if rated_false and topic in _GRAVE else "low"
