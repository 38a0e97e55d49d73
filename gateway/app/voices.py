"""Builds the catalogue of voices: the embedded ones, and those that the operator's file adds.

1. Read the file, whole or not at all.
2. For each voice: does its licence allow what this installation is for? Production refuses, development warns.
3. Build its engine, one per model; every pinned file is checked here.

Whether a real person's voice has consent is asked when it is used (`gateway.consent`), because consent comes and goes.
"""

from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import SettingsError

if TYPE_CHECKING:
    from gateway.settings import Settings
    from synth.adapters.coqui import CoquiEngine
    from synth.adapters.hibari import HibariEngine
    from synth.adapters.openai_speech import SpeechEndpoint
    from synth.voice import Voice, VoiceCard, VoiceCatalogue
    from synth.voicefile import CoquiEntry, EndpointEntry

# Licences under which anybody may publish what a model speaks, for any purpose, by name alone.
OPEN_LICENCES = frozenset(
    ["Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "MPL-2.0", "CC0-1.0", "CC-BY-4.0", "Unlicense"]
)

logger = logging.getLogger(__name__)


def build_voices(settings: Settings) -> VoiceCatalogue:
    """Return every voice that may be used here; raises `VoiceError` or `SettingsError` for one that cannot be."""
    from synth.adapters.hibari import HibariEngine, hibari_catalogue
    from synth.segments import RememberingVoice, SegmentCache
    from synth.voice import VoiceCatalogue
    from synth.voicefile import CoquiEntry, card_of, read_voice_file

    hibari = HibariEngine()
    embedded = hibari_catalogue(hibari)
    if settings.voices is None:
        return embedded
    voices: dict[str, Voice] = dict(embedded.voices)
    cards: dict[str, VoiceCard] = dict(embedded.cards)
    engines: dict[tuple[Path, str], CoquiEngine] = {}
    endpoint: SpeechEndpoint | None = None
    kept = settings.speech_cache_bytes
    cache = SegmentCache(settings.segments, max_bytes=kept) if kept else None
    for entry in read_voice_file(settings.voices):  # 1.
        cards[entry.id] = card = card_of(entry)
        _check_licence(card, settings)  # 2.
        # 3.
        if isinstance(entry, CoquiEntry):
            voice = _coqui_voice(entry, settings, engines, hibari)
        else:
            endpoint = endpoint or _endpoint(settings)
            voice = _endpoint_voice(entry, endpoint)
        # The embedded voices speak faster than it is worth to keep what they say.
        voices[entry.id] = voice if cache is None else RememberingVoice(voice, cache)
    return VoiceCatalogue(voices, cards)


def _check_licence(card: VoiceCard, settings: Settings) -> None:
    from gateway.settings import Environment

    problems = []
    if card.licence not in OPEN_LICENCES and card.licence not in settings.accepted_licences:
        problems.append(
            f"its licence '{card.licence}' is not an open one; read it, and if it allows your use, add it to "
            "ASSAY_ACCEPTED_LICENCES"
        )
    if missing := sorted(set(settings.purposes) - card.purposes):
        problems.append(f"it may not be used for {', '.join(missing)} (ASSAY_PURPOSES)")
    if not problems:
        return
    message = f"voice '{card.id}' cannot be used: {'; '.join(problems)}"
    if settings.environment is Environment.PRODUCTION:
        raise SettingsError(message)
    logger.warning("%s", message.replace("cannot be used", "would be refused in production"))


def _coqui_voice(
    entry: CoquiEntry, settings: Settings, engines: dict[tuple[Path, str], CoquiEngine], hibari: HibariEngine
) -> Voice:
    from synth.adapters.coqui import CoquiEngine, CoquiVoice
    from synth.adapters.hibari_alphabet import first_unspeakable
    from synth.alphabet import PlainAlphabet

    base = (settings.voices or Path()).parent
    key = (base / entry.model, json.dumps(entry.files, sort_keys=True))
    if key not in engines:
        engines[key] = CoquiEngine(
            folder=key[0],
            files=entry.files,
            timeout_seconds=settings.speech_timeout_seconds,
            threads=settings.torch_threads,
        )
    engine = engines[key]
    by_dictionary = engine.phonemizer == "hibari" and entry.language == "en"
    return CoquiVoice(
        id=entry.id,
        engine=engine,
        language=entry.language,
        alphabet=partial(first_unspeakable, knows=hibari.knows, longest_unknown=hibari.longest_unknown_word)
        if by_dictionary
        else PlainAlphabet(entry.language),
        speaker=entry.speaker,
        recording=None if entry.recording is None else base / entry.recording,
        recording_sha256=entry.recording_sha256 or "",
    )


def _endpoint(settings: Settings) -> SpeechEndpoint:
    from synth.adapters.openai_speech import SpeechEndpoint

    return SpeechEndpoint(
        url=settings.speech_url,
        model=settings.speech_model,
        api_key=settings.speech_api_key.get_secret_value(),
        answer=settings.speech_answer,
        timeout_seconds=settings.speech_timeout_seconds,
        concurrency=settings.speech_concurrency,
        allow_plain_http=settings.speech_allow_plain_http,
    )


def _endpoint_voice(entry: EndpointEntry, endpoint: SpeechEndpoint) -> Voice:
    from synth.adapters.openai_speech import OpenAiSpeechVoice
    from synth.alphabet import PlainAlphabet

    return OpenAiSpeechVoice(
        id=entry.id,
        endpoint=endpoint,
        voice=entry.voice,
        language=entry.language,
        alphabet=PlainAlphabet(entry.language),
        sample_rate=entry.sample_rate,
    )
