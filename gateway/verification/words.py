"""What the credentials and the differences of a copy mean, in plain words (pure)."""

from __future__ import annotations

from gateway.releases import EXTENSIONS, PublicEpisode
from gateway.verification.report import Conclusion, Outcome
from synth.containers import Container
from synth.credentials import CredentialsDetail, CredentialsReport, CredentialsState
from synth.decode import Decoded

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


def describe_differences(
    conclusion: Conclusion,
    episode: PublicEpisode | None,
    container: Container,
    sound: Decoded | None,
    credentials: CredentialsReport | None,
) -> tuple[str, ...]:
    """Return how the file differs from the released one; empty where that is not the question."""
    if episode is None or conclusion not in (Conclusion.RECOVERED_COPY, Conclusion.ALTERED):
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
