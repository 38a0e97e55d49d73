"""What credentials, marks and the differences of a copy mean, in plain words (pure)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC

from gateway.releases import EXTENSIONS, PublicEpisode
from gateway.verification.marks import MarkFindings
from gateway.verification.recall import Similar
from gateway.verification.report import Agreement, Conclusion, NamedEpisode, Outcome
from synth.containers import Container
from synth.credentials import CredentialsDetail, CredentialsReport, CredentialsState
from synth.decode import Decoded
from synth.watermark import Presence

DURATION_TOLERANCE_SECONDS = 0.25  # codecs pad by up to some thousand samples

_OUTCOMES = {
    CredentialsState.TRUSTED: Outcome.PASS,
    CredentialsState.VALID: Outcome.INCONCLUSIVE,  # anybody can sign: this must never look like a pass
    CredentialsState.INVALID: Outcome.FAIL,
    CredentialsState.ABSENT: Outcome.ABSENT,
}

_WORDS = {
    CredentialsDetail.INTACT: "The credentials are intact and by a signer that this installation trusts.",
    CredentialsDetail.UNKNOWN_SIGNER: (
        "The credentials are intact, but their signer is unknown here. Anybody can sign, so they prove nothing."
    ),
    CredentialsDetail.CONTENT_CHANGED: (
        "The credentials were issued here, but the file around them was changed after signing."
    ),
    CredentialsDetail.SIGNER_EXPIRED: (
        "The signing certificate is over, and no trusted time-stamp shows that it was used before."
    ),
    CredentialsDetail.BROKEN: "There are credentials, but they were altered or do not hold for this file.",
    CredentialsDetail.UNREADABLE: "There are credentials, but they are too damaged to be judged.",
    CredentialsDetail.NOT_FOUND: "There are no credentials, which says nothing about where the file comes from.",
    CredentialsDetail.REMOTE_ONLY: "The file points to credentials on another server; they are never fetched.",
    CredentialsDetail.UNSUPPORTED: "Credentials are not looked for in this kind of file.",
}


def describe_credentials(report: CredentialsReport) -> tuple[Outcome, str]:
    """Return what the check says about credentials."""
    return _OUTCOMES[report.state], _WORDS[report.detail]


def describe_marks(found: MarkFindings, *, any_known: bool, spoken: bool) -> tuple[Outcome, str]:
    """Return what the check says about watermarks."""
    presences = {layer.presence for layer in found.layers}
    if found.identified and spoken:
        return Outcome.PASS, "A mark was found that names speech which was made here on request."
    if found.identified:
        return Outcome.PASS, _named(len(found.sure))
    if found.marked:
        return Outcome.PASS, "A mark of synthetic speech was found; by itself it names no episode."
    if None in presences or not presences:
        return Outcome.ERROR, "A watermark layer could not be looked for."
    if not any_known:
        return Outcome.INCONCLUSIVE, "No episode is released here yet, so there is none whose mark could be found."
    if Presence.INCONCLUSIVE in presences:
        return Outcome.INCONCLUSIVE, "No mark was found, but the sound is too short, quiet or damaged to say."
    return Outcome.ABSENT, "No mark was found. This does not mean that the sound is not synthetic."


def _named(episodes: int) -> str:
    if episodes == 1:
        return "A mark was found that names a released episode."
    return f"Marks of {episodes} released episodes were found; `passages` says where."


def describe_agreement(agreement: Mapping[str, Agreement], *, sure: set[str]) -> tuple[Outcome, str, str | None]:
    """Return what the check says about the fingerprint, and the episode that it speaks of.

    `sure` are the episodes that bytes, an identifying mark or credentials name; others only fit a short message, and
    need not sound alike.
    """
    found = {one: episode for episode, one in reversed(list(agreement.items()))}
    if Agreement.AGREES in found:
        return Outcome.PASS, "The sound is that of the episode that was named.", found[Agreement.AGREES]
    if Agreement.PARTLY in found:
        words = "Part of the sound is that of the episode that was named; the rest is other sound."
        return Outcome.FAIL, words, found[Agreement.PARTLY]
    if sure and all(agreement[episode] is Agreement.DISAGREES for episode in sure):
        return Outcome.FAIL, "The sound is not that of the episode that was named.", None
    return Outcome.INCONCLUSIVE, "There is too little to compare the sound with the named episode.", None


def describe_similar(similar: Sequence[Similar]) -> tuple[Outcome, str]:
    """Return what the check says when nothing names an episode that could be confirmed."""
    if similar:
        words = "Nothing names an episode, but the content is similar to a released one; see `similar`."
        return Outcome.INCONCLUSIVE, words
    return Outcome.NOT_APPLICABLE, "Neither bytes, mark nor credentials name an episode to compare with."


def describe_episode(episode: PublicEpisode, container: Container, public_url: str) -> NamedEpisode:
    """Return the episode as the report names it, with the credentials of the rendition that is most like the file."""
    alike = [clip for clip in episode.clips if clip.media_type == container.media_type]
    original = next(iter(alike or episode.clips), None)
    return NamedEpisode(
        id=episode.id,
        title=episode.title,
        show=episode.show,
        released_at=episode.released_at.astimezone(UTC).isoformat(timespec="seconds"),
        manifest_label=original.manifest_label if original else None,
        url=f"{public_url}/v1/episodes/{episode.id}",
        state=episode.state.value,
        withdrawal=None
        if episode.withdrawal is None
        else {
            "reason": episode.withdrawal.reason,
            "withdrawn_at": episode.withdrawal.withdrawn_at.astimezone(UTC).isoformat(timespec="seconds"),
            "replacement": episode.withdrawal.replacement,
        },
    )


def describe_release(episode: PublicEpisode) -> tuple[Outcome, str]:
    """Return what the check says about an episode that was released here."""
    taken_back = episode.withdrawal
    if taken_back is None:
        return Outcome.PASS, f"The episode has been public since {episode.released_at:%Y-%m-%d %H:%M} UTC."
    became = "withdrawn" if taken_back.replacement is None else f"replaced by episode {taken_back.replacement}"
    return Outcome.FAIL, (
        f"The episode was released on {episode.released_at:%Y-%m-%d} and {became} on "
        f"{taken_back.withdrawn_at:%Y-%m-%d}: {taken_back.reason}"
    )


def describe_differences(
    conclusion: Conclusion,
    episode: PublicEpisode | None,
    container: Container,
    sound: Decoded | None,
    credentials: CredentialsReport | None,
    *,
    exact: bool,
) -> tuple[str, ...]:
    """Return how the file differs from the released one; empty where that is not the question."""
    copied = (Conclusion.RECOVERED_COPY, Conclusion.ALTERED, Conclusion.WITHDRAWN)
    if episode is None or exact or conclusion not in copied:
        return ()
    differences = ["The bytes are not those of a released file."]
    if credentials is not None and credentials.state is not CredentialsState.TRUSTED:
        differences.append(
            "The credentials are gone."
            if credentials.state is CredentialsState.ABSENT
            else "The credentials no longer hold."
        )
    released = [clip.media_type for clip in episode.clips]
    if container.media_type not in released:
        known = " and ".join(EXTENSIONS[media_type].upper() for media_type in released)
        differences.append(f"The file is {container.media_type}; the episode was released as {known}.")
    if sound is not None and episode.clips:
        seconds, original = len(sound.samples) / sound.sample_rate, episode.clips[0].duration
        if abs(seconds - original) > DURATION_TOLERANCE_SECONDS:
            differences.append(f"It lasts {seconds:.1f} s; the episode lasts {original:.1f} s.")
    return tuple(differences)
