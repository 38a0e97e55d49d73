"""What the tools return: closed shapes for programs, and the same in words for reading (pure)."""

from __future__ import annotations

from pydantic import Field

from gateway.mcp.repair import Repair, Result, findings_text, quoted

# What an agent does next, per state of a submission.
NEXT = {
    "received": "It is being screened. Look again with get_episode.",
    "screened": "The policy let it pass; it is being spoken. Look again with get_episode.",
    "produced": "The audio is being listened to. Look again with get_episode.",
    "heard": "It is being logged. Look again with get_episode.",
    "logged": "It is about to be approved or sent to a reviewer. Look again with get_episode.",
    "awaiting_review": "A person decides. You cannot approve it; tell the user that it waits.",
    "approved": "It is about to be released. Look again with get_episode; `waiting_for` says what it lacks.",
    "released": "It is public.",
    "withdrawn": "It was public and was taken back.",
    "superseded": "It was public; another episode takes its place.",
    "blocked": "Mend every finding with verdict block, use check_script, then send the whole script again with "
    "submit_episode. A blocked submission stays blocked.",
    "rejected": "A person said no; `review.reason` says why. With verdict request_changes, a changed "
    "script may be submitted; never the same again. With verdict redact, the rest goes on by itself: `links.revision`.",
    "spoken": "It was speech for the caller alone; it is never public.",
    "golden": "It was a known answer that tells how well people decide; it is never public.",
    "failed": "`failure` says what went wrong. If it is about the script or a voice, mend it and submit again; "
    "otherwise tell the user.",
}
_UNKNOWN = "Look again with get_episode."


class Disclosure(Result):
    """A sentence that every release carries."""

    where: str
    text: str


class Guidance(Result):
    """What the policy says about a group of categories."""

    categories: list[str]
    goal: str
    definition: str
    allow: list[str] = Field(description="What passes.")
    refuse: list[str] = Field(description="What does not.")


class Policy(Result):
    """What scripts are judged by."""

    id: str
    version: str
    digest: str
    languages: list[str]
    description: str
    rules: list[str]
    not_evaluated: list[str]
    disclosures: list[Disclosure]
    guidance: list[Guidance]
    most_script_bytes: int

    def text(self) -> str:
        """Return the policy for reading."""
        lines = [
            f"Policy {self.id} {self.version} ({self.digest})",
            self.description.strip(),
            f"Languages: {', '.join(self.languages)}. Longest script: {self.most_script_bytes} bytes.",
            f"Rules: {', '.join(self.rules)}.",
            *(f"Every episode says ({one.where}): {quoted(one.text)}" for one in self.disclosures),
        ]
        for one in self.guidance:
            lines += [f"\n{', '.join(one.categories)}: {one.goal} {one.definition}"]
            lines += [f"  passes: {sentence}" for sentence in one.allow]
            lines += [f"  does not: {sentence}" for sentence in one.refuse]
        return "\n".join(lines)


class Voice(Result):
    """One voice that a script may name."""

    id: str
    name: str
    language: str
    engine: str
    licence: str
    purposes: list[str]
    real_person: bool


class Voices(Result):
    """All voices of this installation."""

    voices: list[Voice]

    def text(self) -> str:
        """Return the voices for reading."""
        return "\n".join(
            f"- {one.id}: {one.name}, {one.language}, {one.licence}, for {', '.join(one.purposes)}"
            for one in self.voices
        )


class Checked(Result):
    """What the policy would decide; nothing was stored."""

    verdict: str = Field(description="`allow`, `review` or `block`.")
    findings: list[Repair]
    findings_total: int
    policy: str
    policy_digest: str

    def text(self) -> str:
        """Return the judgement for reading."""
        meaning = {
            "allow": "It would be spoken and released.",
            "review": "It would be spoken, and a person would decide about release.",
            "block": "It would be blocked. Mend every finding with verdict block and check again.",
        }
        head = f"Verdict: {self.verdict}. {meaning.get(self.verdict, '')}"
        return f"{head}\n{findings_text(self.findings, self.findings_total)}"


class Submitted(Result):
    """A submission, just handed in or in a list."""

    id: str
    state: str
    title: str
    show: str
    received_at: str
    changed_at: str
    next: str = Field(description="What to do now.")

    def text(self) -> str:
        """Return the submission for reading."""
        return f"{self.id}: {self.state}, {quoted(self.title)} ({quoted(self.show)}), {self.changed_at}. {self.next}"


class Episodes(Result):
    """A page of submissions, newest first."""

    episodes: list[Submitted]
    next_cursor: str | None = None

    def text(self) -> str:
        """Return the page for reading."""
        lines = [f"- {one.text()}" for one in self.episodes] or ["There are none."]
        return "\n".join([*lines, *([f"More: cursor {quoted(self.next_cursor)}"] if self.next_cursor else [])])


class Reviewed(Result):
    """What a person decided."""

    verdict: str
    reason: str


class Failure(Result):
    """Why the gate could not finish."""

    reason: str
    detail: str


class Rendition(Result):
    """One audio file of the episode."""

    url: str
    media_type: str
    sha256: str
    duration: float = Field(description="Seconds.")


class Episode(Submitted):
    """A submission with all that became of it."""

    verdict: str | None = Field(description="What the policy decided; null until it was screened.")
    findings: list[Repair]
    findings_total: int
    heard_verdict: str | None = Field(None, description="The same for what the finished audio says.")
    review: Reviewed | None = None
    failure: Failure | None = None
    waiting_for: str | None = None
    episode_url: str | None = Field(None, description="Public page, once released.")
    audio: list[Rendition] = Field([])
    script: str | None = Field(None, description="The script as sent, if it was asked for. Data.")

    def text(self) -> str:
        """Return the episode for reading."""
        lines = [super().text()]
        if self.verdict is not None:
            lines.append(f"The policy's verdict: {self.verdict}. {findings_text(self.findings, self.findings_total)}")
        if self.heard_verdict is not None:
            lines.append(f"Of what is heard in the audio: {self.heard_verdict}.")
        if self.review is not None:
            lines.append(f"A person decided: {self.review.verdict}, because {quoted(self.review.reason)}")
        if self.failure is not None:
            lines.append(f"Failure {self.failure.reason}: {self.failure.detail}")
        if self.waiting_for is not None:
            lines.append(f"Waiting for: {self.waiting_for}")
        if self.episode_url is not None:
            lines.append(f"Public at {self.episode_url}")
        lines += [f"Audio: {one.url} ({one.media_type}, {one.duration:.1f} s)" for one in self.audio]
        if self.script is not None:
            lines.append(f"Script: {quoted(self.script)}")
        return "\n".join(lines)


class Withdrawn(Result):
    """An episode that was taken back."""

    episode_id: str
    state: str
    reason: str
    withdrawn_at: str
    replacement: str | None = None

    def text(self) -> str:
        """Return what happened for reading."""
        instead = f"; {self.replacement} takes its place" if self.replacement else ""
        what = f"{self.episode_id} is {self.state} since {self.withdrawn_at}{instead}."
        return f"{what} Public reason: {quoted(self.reason)}"


class Check(Result):
    """One numbered check of a verification."""

    number: int
    name: str
    outcome: str
    explanation: str


class Named(Result):
    """The episode that a file is, or claims to be."""

    id: str
    title: str
    show: str
    state: str


class Verified(Result):
    """What verification found, or that it is still under way."""

    conclusion: str | None = Field(None, description="Null while the file is still being examined.")
    summary: str = "The file is still being examined."
    complete: bool = False
    sha256: str | None = None
    episode: Named | None = None
    checks: list[Check] = Field([])
    differences: list[str] = Field([])
    verification_id: str | None = Field(None, description="Ask again with this while `conclusion` is null.")

    def text(self) -> str:
        """Return the report for reading."""
        if self.conclusion is None:
            return f"{self.summary} Call verify_audio again with verification_id {self.verification_id}."
        lines = [f"{self.conclusion}: {self.summary}"]
        if self.episode is not None:
            lines.append(f"Episode {self.episode.id} ({self.episode.state}): {quoted(self.episode.title)}")
        lines += [f"{one.number}. {one.name}: {one.outcome}. {one.explanation}" for one in self.checks]
        return "\n".join([*lines, *(f"Difference: {one}" for one in self.differences)])


def next_step(state: str) -> str:
    """Return what an agent does next with a submission in this state."""
    return NEXT.get(state, _UNKNOWN)
