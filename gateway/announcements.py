"""What programmes say aloud about themselves, in the language of their script (pure).

The words in English are the operator's settings; for other languages there are words of ours, which settings replace. A
language without any is refused when a script is sent: an episode without its disclosure must not come to be.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from gateway.errors import InvalidRequestError

if TYPE_CHECKING:
    from gateway.settings import Settings

OWN_LANGUAGE = "en"  # of `ASSAY_DISCLOSURE` and `ASSAY_REMINDER`
DISCLOSURES: Mapping[str, str] = MappingProxyType(
    {
        "de": "Diese Sendung wurde mit künstlicher Intelligenz erstellt. Die Stimmen, die Sie hören, sind synthetisch.",
        "es": "Este programa se ha creado con inteligencia artificial. Las voces que oye son sintéticas.",
        "fr": "Cette émission a été réalisée avec l'intelligence artificielle. Les voix que vous entendez sont "
        "synthétiques.",
        "it": "Questo programma è stato realizzato con l'intelligenza artificiale. Le voci che ascoltate sono "
        "sintetiche.",
        "nl": "Dit programma is gemaakt met kunstmatige intelligentie. De stemmen die u hoort, zijn synthetisch.",
        "pl": "Ten program powstał z użyciem sztucznej inteligencji. Głosy, które słyszysz, są syntetyczne.",
        "pt": "Este programa foi feito com inteligência artificial. As vozes que ouve são sintéticas.",
    }
)
"""Said at the start, by primary language tag."""

REMINDERS: Mapping[str, str] = MappingProxyType(
    {
        "de": "Zur Erinnerung: Die Stimmen, die Sie hören, sind synthetisch.",
        "es": "Un recordatorio: las voces que oye son sintéticas.",
        "fr": "Pour rappel, les voix que vous entendez sont synthétiques.",
        "it": "Vi ricordiamo che le voci che ascoltate sono sintetiche.",
        "nl": "Ter herinnering: de stemmen die u hoort, zijn synthetisch.",
        "pl": "Przypominamy: głosy, które słyszysz, są syntetyczne.",
        "pt": "Lembrete: as vozes que ouve são sintéticas.",
    }
)
"""Said again in long programmes."""


def disclosure_in(settings: Settings, language: str) -> str:
    """Return what a programme in `language` says at its start; empty where the operator switched it off.

    Raises `InvalidRequestError` if there are no words in that language.
    """
    words = settings.disclosure.strip()
    if language == OWN_LANGUAGE or not words:
        return settings.disclosures.get(language, words) if words else ""
    found = settings.disclosures.get(language) or DISCLOSURES.get(language)
    if not found:
        raise InvalidRequestError(
            f"there is no spoken disclosure in the language '{language}'; the operator can set ASSAY_DISCLOSURES"
        )
    return " ".join(found.split())


def reminder_in(settings: Settings, language: str) -> str:
    """Return what a long programme in `language` says again; the disclosure itself where there are no other words."""
    if language == OWN_LANGUAGE:
        return " ".join(settings.reminder.split())
    return REMINDERS.get(language) or disclosure_in(settings, language)
