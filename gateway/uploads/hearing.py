"""The first step of an upload: whose it is, what is heard in it, and whether that may be published.

1. Verification, as for anybody's file: a copy of something released or taken back here is not published again, and
   nothing that was changed after we signed it gets a new signature.
2. What is heard is written down, and becomes the text of the submission.
3. That text, title and show included, is screened by the policy in force. There is no script to compare it with, so a
   block by ear is a block.
4. Where nothing was heard, or nobody could listen, a person decides (`ASSAY_WORDLESS`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from sqlmodel import Session

from audit.event import Event, EventKind, Fact
from gateway.commitments import secret_of
from gateway.facts import decision_document, decision_facts, hearing_facts, hearing_row
from gateway.intake import heard_manuscript, heard_text
from gateway.submissions import State, Submission, Upload, move
from gateway.toolchain import ExaminedUpload, Toolchain
from gateway.uploads.arrival import tools_for, upload_of
from policies.decision import Decision, Finding, Span, Verdict, strictest

if TYPE_CHECKING:
    from collections.abc import Callable

    from policies.spoken import Hearing
    from policies.transcript import Transcript

    Change = Callable[[Session, Submission, datetime], None]

POLICY = "policy"  # an actor that is no API key
RULE = "upload"
FEWEST_WORDS = 3  # below it nothing was said: recognisers hear a word or two in any music
FEWEST_WORDS_PER_MINUTE = 4.0
SURE_ENOUGH = 0.5  # mean confidence of the recogniser below which its words are no ground for a decision
# What verification may conclude that keeps a file from being published again.
NOT_AGAIN = {
    "genuine": ("published", "This is a file that was released here; it is not published again."),
    "recovered_copy": ("published", "This is a copy of an episode that was released here; it is not published again."),
    "withdrawn": ("taken_back", "This is an episode that was released here and taken back."),
    "altered": ("altered", "This was signed or marked here, and its content was changed afterwards."),
    "transplanted": ("transplanted", "A mark or credentials of another sound were put onto this one."),
}


def listen(tools: Toolchain, row: Submission, upload: Upload) -> Change:
    """Do the work of the step, and return the change that commits it; raises what reading and screening raise."""
    engines = tools_for(tools)
    data = tools.blobs.read(upload.sha256)
    # 1.
    examined = engines.examine(data)
    opened = engines.open(data)
    # 2.
    transcript = None if engines.transcribe is None else engines.transcribe(opened.sound, row.language)
    words = "" if transcript is None else transcript.text.replace("\x00", "")
    text = heard_text(row.title, row.show, words)
    # 3.
    decision = tools.screener.screen(heard_manuscript(text, row.language))
    # 4.
    decision = with_findings(
        decision,
        [
            *about_origin(examined, text),
            *about_words(transcript, text, duration=upload.duration, wordless=tools.settings.wordless),
        ],
    )
    credentials = opened.credentials.state.value if opened.credentials is not None else None
    seen: dict[str, Fact] = {
        "conclusion": examined.conclusion,
        "credentials": credentials,
        "layers": [*examined.layers],
        "transcribed": transcript is not None,
        "words": 0 if transcript is None else len(transcript.words),
    }
    if examined.episode_id is not None:
        seen["episode"] = examined.episode_id

    def change(session: Session, row: Submission, at: datetime) -> None:
        stored = session.get_one(Upload, row.id)
        stored.conclusion, stored.credentials = examined.conclusion, credentials
        stored.kept_marks = [*examined.layers]
        session.add(stored)
        row.script, row.script_digest = text, decision.script_digest
        row.decision = decision_document(decision)
        blocked = decision.verdict is Verdict.BLOCK
        move(row, State.BLOCKED if blocked else State.SCREENED, at=at)
        session.add(row)
        session.flush()
        heard_facts: dict[str, Fact] = {}
        if transcript is not None:
            heard = _hearing(decision, transcript, engines.listener)
            session.add(hearing_row(row.id, heard, upload.sha256, at))
            heard_facts = {"checked": True, **hearing_facts(heard, upload.sha256, secret_of(session, row.id))}
        events = [
            Event(EventKind.UPLOAD_EXAMINED, at, row.id, POLICY, seen),
            *([Event(EventKind.SPEECH_HEARD, at, row.id, POLICY, heard_facts)] if heard_facts else []),
            Event(
                EventKind.SCREENING_DECIDED, at, row.id, POLICY, decision_facts(decision, secret_of(session, row.id))
            ),
        ]
        if blocked:
            because: dict[str, Fact] = {"policy_digest": decision.policy_digest}
            events.append(Event(EventKind.SUBMISSION_BLOCKED, at, row.id, POLICY, because))
        tools.log.record(session, *events)

    return change


def go_on(tools: Toolchain) -> Change:
    """Return the change of the third step: the finished clips are not listened to again.

    What is said in them was heard when they were somebody else's file; marks cannot be heard.
    """

    def change(session: Session, row: Submission, at: datetime) -> None:
        move(row, State.HEARD, at=at)
        tools.log.record(session, Event(EventKind.SPEECH_HEARD, at, row.id, POLICY, {"checked": False}))

    return change


def about_origin(examined: ExaminedUpload, text: str) -> list[Finding]:
    """Return what verification says against publishing the file."""
    if examined.conclusion not in NOT_AGAIN:
        return []
    category, words = NOT_AGAIN[examined.conclusion]
    named = f" It is episode {examined.episode_id}." if examined.episode_id else ""
    return [_finding(category, Verdict.BLOCK, words + named, text)]


def about_words(transcript: Transcript | None, text: str, *, duration: float, wordless: str) -> list[Finding]:
    """Return what a person must know about how much was heard, and so about how much was screened."""
    if transcript is None:
        words = "Nobody listened to this sound, or not in its language, so nothing that is said in it was screened."
        return [_finding("not_transcribed", Verdict.REVIEW, words, text)]
    heard = transcript.words
    if len(heard) < max(FEWEST_WORDS, FEWEST_WORDS_PER_MINUTE * duration / 60.0):
        words = "No words were heard in this sound, so nothing but its title was screened."
        return [_finding("no_words", Verdict.ALLOW if wordless == "allow" else Verdict.REVIEW, words, text)]
    if sum(word.probability for word in heard) / len(heard) < SURE_ENOUGH:
        words = "The words were heard too poorly to judge them: noise, music, or another language than declared."
        return [_finding("heard_poorly", Verdict.REVIEW, words, text)]
    return []


def with_findings(decision: Decision, more: list[Finding]) -> Decision:
    """Return the decision with further findings, and the verdict that follows."""
    findings = (*decision.findings, *more)
    coverage = tuple(sorted({*decision.coverage, (RULE, "evaluated")}))
    verdict = strictest([decision.verdict, *(one.verdict for one in more)])
    return replace(decision, verdict=verdict, findings=findings, coverage=coverage)


def _finding(category: str, verdict: Verdict, words: str, text: str) -> Finding:
    return Finding(RULE, category, verdict, Span(0, max(1, len(text))), 1.0, words, "transcript")


def _hearing(decision: Decision, transcript: Transcript, listener: tuple[str, str]) -> Hearing:
    """The transcript as a hearing. What was found in it stands in the submission's own decision, and not twice."""
    from policies.spoken import Hearing as Heard

    said = replace(decision, findings=(), verdict=Verdict.ALLOW)
    return Heard(said, transcript, len(transcript.words), 0, listener)


__all__ = ["about_origin", "about_words", "go_on", "listen", "upload_of", "with_findings"]
