"""The podcast feed of released episodes (RSS 2.0, PSP-1, Podcasting 2.0; pure, values in and bytes out).

Every item says that it is made by AI, in words and in `podcast:txt purpose="ai-content"`; there is no switch for it.
Only an upload whose sender declares that no machine made it says that instead, and that nobody has verified it.
"""

from __future__ import annotations

import base64
import re
import uuid
import xml.etree.ElementTree as ET  # only writes; nothing is parsed here
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape

ATOM = "http://www.w3.org/2005/Atom"
ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"
PODCAST = "https://podcastindex.org/namespace/1.0"
PSC = "http://podlove.org/simple-chapters"
_PREFIXES = {"atom": ATOM, "itunes": ITUNES, "podcast": PODCAST, "psc": PSC}

PODCAST_GUID_NAMESPACE = uuid.UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")  # fixed by the podcast namespace
CATEGORY = "Technology"  # one of Apple's categories, in their spelling
DISCLOSURE = "This episode was made with artificial intelligence. The voices are synthetic."
DECLARED = "This episode was made elsewhere, with artificial intelligence, as its sender declares."
DECLARED_HUMAN = (
    "This episode was made elsewhere. Its sender declares that it was made without artificial intelligence; nobody has "
    "verified that."
)
TRANSCRIPTS = {"vtt": "text/vtt", "srt": "application/x-subrip", "json": "application/json"}  # the preferred one first
MIN_LISTED_CHAPTERS = 3  # directories read chapter times out of a description from three on
MAX_CHANNEL_DESCRIPTION_BYTES = 4000  # PSP-1
# XML 1.0 cannot carry these, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class FeedFile:
    """One rendition of an episode."""

    url: str
    media_type: str
    size: int  # bytes, exactly what the URL serves
    sha256: str  # hex


@dataclass(frozen=True, slots=True)
class FeedEpisode:
    """One released episode; `files` begins with the one that players get by default."""

    id: str
    title: str
    link: str
    released_at: datetime
    duration: float  # seconds
    files: tuple[FeedFile, ...]
    transcript_url: str  # without the ending that names its form
    chapters_url: str
    chapters: tuple[tuple[float, str], ...] = ()  # (seconds, title)
    speakers: tuple[str, ...] = ()
    synthetic: bool = True  # as far as anybody knows
    made_here: bool = True


@dataclass(frozen=True, slots=True)
class Channel:
    """The show as a whole."""

    title: str
    description: str
    author: str
    language: str
    link: str
    feed_url: str
    image_url: str
    guid_url: str = ""  # what the guid is made of, where the feed's own address is a secret
    private: bool = False  # for one listener: directories are asked to leave it out


def podcast_guid(feed_url: str) -> str:
    """Return the show's stable id: UUIDv5 of the feed's URL without scheme and trailing slashes."""
    return str(uuid.uuid5(PODCAST_GUID_NAMESPACE, re.sub(r"^[a-z]+://", "", feed_url).rstrip("/")))


def render_feed(channel: Channel, episodes: Sequence[FeedEpisode]) -> bytes:
    """Return the feed as UTF-8 XML; the same values give the same bytes."""
    for prefix, uri in _PREFIXES.items():
        ET.register_namespace(prefix, uri)
    rss = ET.Element("rss", {"version": "2.0"})
    head = ET.SubElement(rss, "channel")
    _add(head, "title", channel.title)
    _add(head, "link", channel.link)
    _add(head, f"{{{ATOM}}}link", None, href=channel.feed_url, rel="self", type="application/rss+xml")
    _add(head, "description", _cut(channel.description, MAX_CHANNEL_DESCRIPTION_BYTES))
    _add(head, "language", channel.language)
    _add(head, "generator", "Assay")
    if episodes:
        _add(head, "lastBuildDate", format_datetime(max(episode.released_at for episode in episodes), usegmt=True))
    _add(head, f"{{{ITUNES}}}author", channel.author)
    _add(head, f"{{{ITUNES}}}category", None, text=CATEGORY)
    _add(head, f"{{{ITUNES}}}explicit", "false")
    _add(head, f"{{{ITUNES}}}image", None, href=channel.image_url)
    _add(head, f"{{{ITUNES}}}type", "episodic")
    _add(head, f"{{{PODCAST}}}guid", podcast_guid(channel.guid_url or channel.feed_url))
    _add(head, f"{{{PODCAST}}}locked", "yes")
    if channel.private:
        _add(head, f"{{{ITUNES}}}block", "Yes")
        _add(head, f"{{{PODCAST}}}block", "yes")
    _add(head, f"{{{PODCAST}}}medium", "podcast")
    _add(head, f"{{{PODCAST}}}txt", "true", purpose="ai-content")
    for episode in episodes:
        _add_item(head, episode, channel)
    ET.indent(rss)
    document: bytes = ET.tostring(rss, encoding="utf-8", xml_declaration=True)
    return document


def _add_item(head: ET.Element, episode: FeedEpisode, channel: Channel) -> None:
    item = ET.SubElement(head, "item")
    first = episode.files[0]
    _add(item, "title", episode.title)
    _add(item, "description", _description(episode))
    _add(item, "link", episode.link)
    _add(item, "guid", episode.id, isPermaLink="false")
    _add(item, "pubDate", format_datetime(episode.released_at, usegmt=True))
    _add(item, "enclosure", None, url=first.url, length=str(first.size), type=first.media_type)
    _add(item, f"{{{ITUNES}}}author", channel.author)
    _add(item, f"{{{ITUNES}}}duration", str(round(episode.duration)))
    _add(item, f"{{{ITUNES}}}episodeType", "full")
    _add(item, f"{{{ITUNES}}}explicit", "false")
    if episode.synthetic:
        _add(item, f"{{{PODCAST}}}txt", "true", purpose="ai-content")
    for speaker in episode.speakers:
        _add(item, f"{{{PODCAST}}}person", f"{speaker} (synthetic voice)", role="host")
    for ending, media_type in TRANSCRIPTS.items():
        url = f"{episode.transcript_url}.{ending}"
        _add(item, f"{{{PODCAST}}}transcript", None, url=url, type=media_type, language=channel.language)
    _add(item, f"{{{PODCAST}}}chapters", None, url=episode.chapters_url, type="application/json+chapters")
    for file in episode.files:
        _add_rendition(item, file, default=file is first)
    if episode.chapters:
        listed = ET.SubElement(item, f"{{{PSC}}}chapters", {"version": "1.2"})
        for start, title in episode.chapters:
            _add(listed, f"{{{PSC}}}chapter", None, start=_clock(start, millis=True), title=title)


def _add_rendition(item: ET.Element, file: FeedFile, *, default: bool) -> None:
    """Say what the bytes behind the URL must hash to, as W3C Subresource Integrity spells it."""
    attributes = {"type": file.media_type, "length": str(file.size)} | ({"default": "true"} if default else {})
    enclosure = ET.SubElement(item, f"{{{PODCAST}}}alternateEnclosure", attributes)
    _add(enclosure, f"{{{PODCAST}}}source", None, uri=file.url)
    digest = base64.b64encode(bytes.fromhex(file.sha256)).decode()
    _add(enclosure, f"{{{PODCAST}}}integrity", None, type="sri", value=f"sha256-{digest}")


def _description(episode: FeedEpisode) -> str:
    """Return HTML of the few elements that PSP-1 allows."""
    disclosure = DISCLOSURE if episode.made_here else DECLARED if episode.synthetic else DECLARED_HUMAN
    lines = [f"<p>{escape(disclosure)}</p>"]
    if len(episode.chapters) >= MIN_LISTED_CHAPTERS and episode.chapters[0][0] < 1.0:
        lines += [f"<p>{_clock(start)} {escape(title)}</p>" for start, title in episode.chapters]
    return "".join(lines)


def _clock(seconds: float, *, millis: bool = False) -> str:
    """Return "MM:SS" or "H:MM:SS" for people, "HH:MM:SS.mmm" for Podlove chapters."""
    total = round(seconds * 1000)
    hours, rest = divmod(total, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    if millis:
        return f"{hours:02}:{minutes:02}:{rest // 1000:02}.{rest % 1000:03}"
    return f"{hours}:{minutes:02}:{rest // 1000:02}" if hours else f"{minutes:02}:{rest // 1000:02}"


def _add(parent: ET.Element, tag: str, content: str | None, **attributes: str) -> None:
    element = ET.SubElement(parent, tag, {name: _NOT_XML.sub("", value) for name, value in attributes.items()})
    if content is not None:
        element.text = _NOT_XML.sub("", content)


def _cut(text: str, limit: int) -> str:
    return text.encode("utf-8", "ignore")[:limit].decode("utf-8", "ignore")
