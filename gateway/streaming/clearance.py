"""Clearing a text for speech on request: nothing is spoken before this returns.

1. Read the text as a script; check that the voice may be used and can say all of it.
2. Screen the whole text by the policy in force.
3. Commit the episode's row with `speech.requested` and `screening.decided`, and, unless the verdict is "allow",
   `speech.refused`: a caller who waits for sound cannot wait for a person.

What cannot be read, or names a voice that is not allowed, leaves nothing behind, as with a submission.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from audit.errors import LogDivergedError
from audit.event import Event, EventKind, Fact
from audit.merkle import leaf_hash
from gateway.commitments import commit, digest_of, secret_of
from gateway.consent import required_consents
from gateway.errors import SpeechRefusedError
from gateway.facts import decision_document, decision_facts
from gateway.manuscripts import manuscript_of
from gateway.sequencing import settle, settle_soon
from gateway.streaming.spokentext import SpokenText, read_text
from gateway.submissions import State, Submission, new_episode_id
from gateway.toolchain import Toolchain
from policies.decision import Decision, Verdict
from synth.casting import cast_voices
from synth.credentials import Screening
from synth.script import Script

POLICY = "policy"  # an actor that is no API key
MOST_FINDINGS = 20  # that a refusal shows: enough to see why, and an answer of bounded size


class Delivery(StrEnum):
    """How the sound goes to its caller."""

    FILE = "file"  # whole: marked, encoded, signed and read back before the first byte leaves
    STREAM = "stream"  # as it is spoken: marked, but neither signed nor read back


@dataclass(frozen=True, slots=True)
class Clearance:
    """A text that may be spoken once, for its caller; only `clear` makes it."""

    episode_id: str
    script: Script
    voice_id: str
    screening: Screening
    consents: Mapping[str, str]  # voice id → digest of the consent record
    delivery: Delivery
    media_type: str


def clear(tools: Toolchain, text: str, *, voice_id: str, caller: str, delivery: Delivery, media_type: str) -> Clearance:
    """Screen `text`, record the request, and return what may be spoken.

    Raises `VoiceError`, `ScriptError`, `ConsentMissingError` and leaves nothing behind; `SpeechRefusedError` when the
    verdict is not "allow", with the findings; `PolicyError` if a rule cannot run; errors of `audit` and the database.
    """
    # 1.
    voice = tools.voices.get(voice_id)
    spoken = read_text(text, voice_id=voice_id, language=voice.language)
    cast_voices(spoken.script, tools.voices)
    at = tools.clock()
    with tools.database.read() as session:
        consents = required_consents(session, [voice_id], cards=tools.voices.cards, settings=tools.settings, at=at)
    # 2.
    decision = tools.screener.screen(manuscript_of(spoken.script))
    # 3.
    allowed = decision.verdict is Verdict.ALLOW
    row = _row(
        spoken.script, decision, text=text, caller=caller, at=at, state=State.SPOKEN if allowed else State.BLOCKED
    )
    with tools.database.write() as session:
        session.add(row)
        session.flush()  # the secret's row refers to it
        secret = secret_of(session, row.id)
        requested: dict[str, Fact] = {
            "script_commitment": commit(secret, "script", row.script_digest),
            "plan_commitment": commit(secret, "plan", spoken.script.plan_digest()),
            "language": row.language,
            "bytes": len(text.encode("utf-8", "surrogatepass")),
            "voices": {voice_id: voice.version},
            "delivery": delivery.value,
            "media_type": media_type,
        }
        if consents:
            requested["consents"] = {**consents}
        events = [
            Event(EventKind.SPEECH_REQUESTED, at, row.id, caller, requested),
            Event(EventKind.SCREENING_DECIDED, at, row.id, POLICY, decision_facts(decision, secret)),
        ]
        if not allowed:
            because: dict[str, Fact] = {
                "verdict": decision.verdict.value,
                "policy_digest": decision.policy_digest,
            }
            events.append(Event(EventKind.SPEECH_REFUSED, at, row.id, POLICY, because))
        tools.log.record(session, *events)
        episode_id = row.id
    # If we crash here, the row says that a text was cleared, and no event says that anything was delivered.
    if not allowed:
        settle_soon(tools.database, tools.log)
        raise refusal(episode_id, decision, spoken)
    return Clearance(
        episode_id=episode_id,
        script=spoken.script,
        voice_id=voice_id,
        screening=_screening(tools, episode_id, decision),
        consents=consents,
        delivery=delivery,
        media_type=media_type,
    )


def refusal(episode_id: str, decision: Decision, spoken: SpokenText) -> SpeechRefusedError:
    """Return the error that says what was found and where in the caller's text, without quoting it."""
    findings = []
    for found in decision.findings[:MOST_FINDINGS]:
        place = spoken.span(found.span.start, found.span.end)
        findings.append(
            {
                "rule": found.rule,
                "category": found.category,
                "verdict": found.verdict.value,
                "explanation": found.explanation,
                "span": list(place) if place else None,
            }
        )
    named = ", ".join(dict.fromkeys(found.category for found in decision.findings)) or "no named finding"
    if decision.verdict is Verdict.REVIEW:
        way = (
            "A person would have to decide, and a speech call cannot wait for one: send the text as a script to "
            "POST /v1/submissions, where a reviewer sees it"
        )
    else:
        way = "Change the text; sending it again as it is changes nothing"
    return SpeechRefusedError(
        f"The content policy answers '{decision.verdict.value}' to this text ({named}). {way}.",
        verdict=decision.verdict.value,
        episode_id=episode_id,
        policy_id=decision.policy_id,
        policy_version=decision.policy_version,
        findings=findings,
    )


def _row(script: Script, decision: Decision, *, text: str, caller: str, at: datetime, state: State) -> Submission:
    return Submission(
        id=new_episode_id(),
        state=state.value,
        submitter=caller,
        request_digest=digest_of(text),
        title=script.title,
        show=script.show,
        language=script.language,
        script=script.source,
        script_digest=decision.script_digest,
        decision=decision_document(decision),
        received_at=at,
        changed_at=at,
    )


def _screening(tools: Toolchain, episode_id: str, decision: Decision) -> Screening:
    """Return what the credentials say about the screening; the number of its entry is part of what is signed."""
    settle(tools.database, tools.log)
    with tools.database.read() as session:
        decided = [
            one for one in tools.log.events_for(session, episode_id) if one.event.kind is EventKind.SCREENING_DECIDED
        ]
    if not decided:
        raise LogDivergedError(f"episode {episode_id} has no event screening.decided in the log; run fsck")
    return Screening(
        verdict=decision.verdict.value,
        decision_id=f"{tools.log.origin}#{decided[0].index}",
        policy_id=decision.policy_id,
        policy_version=decision.policy_version,
        policy_digest=decision.policy_digest,
        script_digest=decision.script_digest,
        entry_index=decided[0].index,
        leaf_hash=f"sha256:{leaf_hash(decided[0].leaf).hex()}",
    )
