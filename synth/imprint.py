"""What every clip of an installation says about itself to listeners and players (pure)."""

from __future__ import annotations

from dataclasses import dataclass

from synth.aigc import AigcLabel
from synth.audio import ChapterMark
from synth.credentials import ClipFacts, UploadFacts
from synth.manifest import GENERATOR
from synth.pictures import Cover
from synth.tags import Tags


@dataclass(frozen=True, slots=True)
class Imprint:
    """What every clip of this installation says to listeners and players."""

    ai_disclosure: str = "Made with AI: the voices in this recording are synthetic."  # plain words, shown by players
    publisher: str = ""
    detector_url: str = ""  # where anyone can check the file (EU Code of Practice, measure 3.4)
    aigc_producer: str = ""  # registered code of the provider; empty leaves the label of GB 45438-2025 out

    def tags(
        self, facts: ClipFacts, chapters: tuple[ChapterMark, ...], *, author: str = "", cover: Cover | None = None
    ) -> Tags:
        """Return the tags of one clip; `author` is who made it, the publisher where nobody says."""
        disclosure = self.ai_disclosure if facts.upload is None else declared(facts.upload)
        producer, clip = self.aigc_producer, facts.episode_id
        credits = dict.fromkeys(f"{music.attribution} ({music.licence})" for music in facts.music if music.attribution)
        return Tags(
            title=facts.title,
            show=facts.show,
            artist=author or self.publisher,
            language=facts.language,
            date=facts.created_at.date().isoformat(),
            comment=" ".join([disclosure, *(f"Music: {credit}." for credit in credits)]),
            encoder=f"{GENERATOR} {facts.software_version}",
            episode_id=facts.episode_id,
            ai_disclosure=disclosure,
            detector_url=self.detector_url,
            aigc=AigcLabel(producer, clip, producer, clip) if producer else None,
            chapters=chapters,
            duration=facts.duration,
            cover=cover,
        )


def declared(upload: UploadFacts) -> str:
    """Return what players show about sound that was made elsewhere: its sender's word, told as that."""
    if upload.source_type.is_synthetic:
        return "Made with AI, wholly or in part, as its sender declares."
    return "Made without AI, as its sender declares; nobody has verified that."
