"""Taking sentences out: what goes, what stays word for word, and that the rest is reviewed anew."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import select

from gateway.auth import Role
from gateway.cases import ReviewSpeaker
from gateway.errors import ConflictError, ForbiddenError, GatewayError, InvalidRequestError
from gateway.redaction import spoken_sentences, take_out
from gateway.review import ReviewDesk
from gateway.statements import statement_of
from gateway.submissions import ReviewCase, Submission
from synth.formats import parse_script
from tests.gateway_chain import OTHER_REVIEWER, REVIEWER, SUBMITTER, Chain, build_chain

SCRIPT = """---
title: T
show: S
voices:
  ANN: hum-low
  BEN: hum-high
---

# One

ANN: First *one.* Second is bad. Third "ends." she said.
BEN: Reply once.

[pause 1s]

# Two
ANN: All bad here.
[pause 2s]
still Ann goes on. And more.
[pause 1s]
Third part.

BEN: Last words.
"""
SENTENCES = ["One two.", "*Three* four!", "Five: six?", '"Seven." eight.', "_Nine._"]
WORDS = "Good morning. please review this. Good night."


def places(source: str, *texts: str) -> list[tuple[int, int]]:
    return [(source.index(text), source.index(text) + len(text)) for text in texts]


def said(source: str) -> list[tuple[str, str]]:
    return [(one.speaker, one.text) for one in parse_script(source).utterances]


def test_one_sentence_goes_and_nothing_else_changes() -> None:
    cut = take_out(SCRIPT, places(SCRIPT, "Second"))
    assert cut.text == SCRIPT.replace("Second is bad. ", "")
    assert cut.spans == tuple(places(SCRIPT, "Second is bad."))


def test_last_sentence_of_turn_chapter_and_speaker_takes_them_along() -> None:
    assert "pause 1s]\n\n# Two" not in take_out(SCRIPT, places(SCRIPT, "Reply once.")).text
    without_ben = take_out(SCRIPT, places(SCRIPT, "Reply once.", "Last words.")).text
    assert "BEN" not in without_ben
    first = places(SCRIPT, "First *one.*", "Second is bad.", 'Third "ends." she said.', "Reply once.")
    assert "# One" not in take_out(SCRIPT, first).text
    goes_on = take_out(SCRIPT, places(SCRIPT, "All bad here.")).text
    assert ("ANN", "still Ann goes on. And more.") in said(goes_on)


def test_every_choice_of_sentences_leaves_exactly_the_others() -> None:
    sentences = spoken_sentences(parse_script(SCRIPT))
    for many in range(1, len(sentences)):
        for chosen in itertools.combinations(sentences, many):
            text = take_out(SCRIPT, [(one.start, one.end) for one in chosen]).text
            left = [one.text for one in sentences if one not in chosen]
            assert [one.text for one in spoken_sentences(parse_script(text))] == left
            assert "*one.*" in text or sentences[0] in chosen  # it stays as it was written


@pytest.mark.parametrize("spans", [[], [(0, 3)], [(11, 12)], [(9_000, 9_001)], [(5, 5)], [(0, 9_999)]])
def test_titles_nothing_and_everything_cannot_be_taken_out(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(InvalidRequestError):
        take_out(SCRIPT, spans)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ANN: ", "BEN: ", "ANN:\n", "", "# Part\n\nANN: ", "[pause 1s]\n"]),
            st.lists(
                st.sampled_from(["One two.", "*Three* four!", "Five: six?", '"Seven." eight.', "_Nine._"]), min_size=1
            ),
            st.sampled_from(["\n", "\n\n", "\n\n[pause 2s]\n\n"]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.data(),
)
def test_whatever_is_taken_out_of_whatever_script_no_word_is_added_moved_or_changed(
    turns: list[tuple[str, list[str], str]], data: st.DataObject
) -> None:
    body = "".join(f"{label}{' '.join(sentences)}{gap}" for label, sentences, gap in turns)
    source = f"---\ntitle: T\nvoices:\n  ANN: a\n  BEN: b\n---\n\nANN: Begin. Go on.\n\nBEN: Yes.\n\n{body}"
    try:
        script = parse_script(source)
    except Exception:  # noqa: BLE001  # not a script: nothing to take out of
        return
    sentences = spoken_sentences(script)
    chosen = data.draw(st.lists(st.sampled_from(sentences), min_size=1, max_size=len(sentences), unique=True))
    try:
        text = take_out(source, [(one.start, one.end) for one in chosen]).text
    except InvalidRequestError:
        return  # refused as a whole
    kept = " ".join(one.text for one in sentences if one not in chosen)
    left = " ".join(one.text for one in spoken_sentences(parse_script(text)))
    assert kept.split() == left.split()


OTHERS = {
    "json": """{"format": "assay-script", "version": 1, "title": "T", "language": "en",
"voices": {"ANN": "a", "BEN": "b"}, "chapters": [
{"title": "One", "parts": [{"speaker": "ANN", "text": "First one. Bad one. Third one."}, {"pause": 1.5},
{"speaker": "BEN", "text": "Bad alone."}]}, {"title": "Two", "parts": [{"speaker": "BEN", "text": "Last."}]}]}""",
    "pronounced": """---
title: T
voices:
  ANN: a
  BEN: b
lexicon:
  Gdansk: g-dansk
---

ANN: First one. Bad Gdansk. Third Gdansk.

BEN: Bad alone.

# Two

BEN: Last.
""",
    "ssml": """---
title: T
format: ssml
voices:
  ANN: a
  BEN: b
---
<speak><voice name="ANN">First one. Bad one. Third one.</voice><voice name="BEN">Bad alone. Last.</voice></speak>
""",
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_are_written_anew_without_them(name: str) -> None:
    source = OTHERS[name]
    bad = [(one.start, one.end) for one in spoken_sentences(parse_script(source)) if one.text.startswith("Bad")]
    assert len(bad) == 2
    before, after = parse_script(source), parse_script(take_out(source, bad).text)
    left = [one.text for one in spoken_sentences(before) if not one.text.startswith("Bad")]
    assert [one.text for one in spoken_sentences(after)] == left
    assert (after.title, after.language, dict(after.voices)) == (before.title, before.language, dict(before.voices))
    assert [(one.word, one.sound) for one in after.lexicon] == [(one.word, one.sound) for one in before.lexicon]


def test_music_plays_on_under_what_is_left() -> None:
    source = SCRIPT.replace("ANN: All bad here.", "[bed calm-loop -20dB]\n\nANN: All bad here.").replace(
        "BEN: Last words.", "[bed off]\n\n[stinger sting]\n\nBEN: Last words."
    )
    script = parse_script(take_out(source, places(source, "All bad here.", "Reply once.")).text)
    assert [(bed.first, bed.end) for bed in script.beds] == [(1, 3)]
    assert [one.before for one in script.stingers] == [3]


@pytest.fixture(params=["sqlite", "postgres"])
def chain(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chain]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else ""
    chain = build_chain(tmp_path, database_url=url)
    yield chain
    chain.database.dispose()


def waiting(chain: Chain, words: str = WORDS) -> str:
    episode_id = chain.submit(words)
    assert chain.run(episode_id) == "awaiting_review"
    return episode_id


def redact(desk: ReviewDesk, chain: Chain, episode_id: str, text: str = "please review this.", **named: object) -> str:
    spans = places(chain.row(episode_id).script, text)
    named = {"reviewer": REVIEWER, "reason": "It is false.", "version": chain.row(episode_id).version, **named}
    return desk.redact(episode_id, spans=spans, **named)  # type: ignore[arg-type]


def test_rest_is_spoken_anew_and_waits_for_a_person_though_the_policy_finds_nothing(chain: Chain) -> None:
    episode_id = waiting(chain)
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    revision = redact(chain.desk, chain, episode_id)
    assert (chain.row(episode_id).state, chain.kinds(episode_id)[-1]) == ("rejected", "submission.redacted")
    assert chain.enqueued == [revision]
    row = chain.row(revision)
    assert (row.state, row.submitter, row.revises) == ("received", SUBMITTER, episode_id)
    assert "please review" not in row.script
    assert chain.run(revision) == "awaiting_review"
    assert chain.row(revision).decision["verdict"] == "allow"  # type: ignore[index]
    chain.desk.claim(revision, reviewer=REVIEWER)
    chain.desk.approve(revision, reviewer=REVIEWER, reason="Heard it.")
    assert chain.run(revision) == "released"
    assert chain.run(episode_id) == "rejected"
    with chain.database.read() as session:
        events = chain.tools.log.events_for(session, episode_id)
        facts = events[-1].event.facts
        received = chain.tools.log.events_for(session, revision)[0].event
        text = statement_of(session, session.get_one(Submission, episode_id), redress="Appeal.")
    assert (facts["sentences"], facts["revision"], facts["verdict"]) == (1, revision, "review")
    assert (received.actor, received.facts["revises"]) == (REVIEWER, episode_id)
    assert b"please" not in events[-1].leaf
    assert f"goes on as episode {revision}" in text.text
    assert "taken out" in text.text
    assert text.record["decision_visibility_other"] == "Part of the content taken out before first dissemination"


def test_revision_needs_whom_the_case_before_it_needed(chain: Chain) -> None:
    episode_id = waiting(chain)
    with chain.database.write() as session:
        case = session.get_one(ReviewCase, episode_id)
        case.two_people, case.senior, case.barred = True, True, ["acct_before"]
    named = {"role": Role.SENIOR_REVIEWER}
    chain.desk.claim(episode_id, reviewer=REVIEWER, role=Role.SENIOR_REVIEWER)
    revision = redact(chain.desk, chain, episode_id, **named)
    chain.run(revision)
    with chain.database.read() as session:
        case = session.get_one(ReviewCase, revision)
    assert (case.two_people, case.senior, case.barred) == (True, True, ["acct_before"])
    with pytest.raises(ForbiddenError, match="submitted"):
        chain.desk.claim(revision, reviewer=SUBMITTER, role=Role.SENIOR_REVIEWER)


def test_only_who_holds_the_case_and_read_it_takes_out(chain: Chain) -> None:
    episode_id = waiting(chain)
    with pytest.raises(ConflictError, match="do not hold"):
        redact(chain.desk, chain, episode_id)
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    for wrong in ({"reviewer": OTHER_REVIEWER}, {"version": 1}):
        with pytest.raises(ConflictError):
            redact(chain.desk, chain, episode_id, **wrong)
    for empty in ({"reason": " "}, {"categories": ["nonsense"]}):
        with pytest.raises(InvalidRequestError):
            redact(chain.desk, chain, episode_id, **empty)
    with pytest.raises(InvalidRequestError, match="nothing would be left"):
        redact(chain.desk, chain, episode_id, text=WORDS)
    assert chain.row(episode_id).state == "awaiting_review"
    with chain.database.read() as session:
        assert len(session.exec(select(Submission)).all()) == 1


def test_of_racing_redaction_and_decisions_one_counts(chain: Chain) -> None:
    episode_id = waiting(chain)
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    done: list[object] = []
    start = threading.Barrier(4)

    def act(number: int) -> None:
        start.wait()
        try:
            if number % 2:
                done.append(redact(chain.desk, chain, episode_id, version=None))
            else:
                done.append(chain.desk.approve(episode_id, reviewer=REVIEWER, reason="Fine."))
        except GatewayError as error:
            assert isinstance(error, ConflictError)  # noqa: PT017  # nothing else may be the reason

    threads = [threading.Thread(target=act, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1
    with chain.database.read() as session:
        assert len(session.exec(select(Submission)).all()) == (1 if chain.row(episode_id).state == "approved" else 2)


def test_speakers_of_a_decided_case_are_remembered_by_digest(chain: Chain) -> None:
    episode_id = waiting(chain)
    chain.desk.claim(episode_id, reviewer=REVIEWER)
    chain.desk.reject(episode_id, reviewer=REVIEWER, reason="No.")
    with chain.database.read() as session:
        (found,) = session.exec(select(ReviewSpeaker)).all()
    assert found.episode_id == episode_id
    assert "anna" not in found.speaker_key.casefold()
