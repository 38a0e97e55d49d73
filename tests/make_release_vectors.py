"""Signs the files of a release that all later ones must verify: `python -m tests.make_release_vectors 0.1.0`.

Run once for each release. The keys are made here and thrown away with the process, so the files can never be made
again; a folder that exists is never touched. Speech carries both watermarks, under a key that is public.
"""

from __future__ import annotations

import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.app import soft_bindings
from gateway.settings import DEFAULT_AUDIOSEAL
from synth.adapters.audioseal import AudioSealMark
from synth.adapters.claimsigner import ContentCredentialsSigner
from synth.adapters.contentcredentials import ContentCredentialsReader
from synth.adapters.hibari import hibari_catalogue
from synth.adapters.keyed import KeyedMark
from synth.aigc import AigcLabel
from synth.credentials import Screening
from synth.formats import parse_script
from synth.imprint import Imprint
from synth.pki import issue_development_chain
from synth.produce import Producer
from synth.signing.filekey import FileKey
from synth.tags import Tags, tag
from tests.credentials_samples import FACTS, clip, digest
from tests.time_stamp_authority import Authority, running

FOLDER = Path(__file__).parent / "vectors" / "releases"
WATERMARK_KEY = b"key of the release vectors".ljust(32, b".")
EPISODE = "01JDX7M0Q5W3ZK8N2V4B6C9D1E"
SPOKEN = {"audio/mpeg": "spoken.mp3", "audio/mp4": "spoken.m4a", "audio/ogg": "spoken.opus"}  # small enough to keep
SHORT = {"audio/wav": "short.wav", "audio/flac": "short.flac"}  # half a second of noise, without marks
SCRIPT = """---
title: A short walk
show: release-vectors
language: en
voices:
  Anna: hibari-heart
---

Anna: She opened the door and listened. The street was quiet, and the lamps had just been lit.
"""


def make(version: str) -> None:
    """Make the folder of a release."""
    folder = FOLDER / version
    folder.mkdir(parents=True)
    now = datetime.now(UTC)
    certificates = issue_development_chain(at=now - timedelta(minutes=1), organisation="Assay release vectors")
    with running(Authority()) as authority:
        signer = ContentCredentialsSigner(
            reader=ContentCredentialsReader(
                trust_anchors_pem=certificates.trust_anchors_pem, time_stamp_anchors_pem=authority.root_pem
            ),
            key=FileKey(
                certificate_chain_pem=certificates.certificate_chain_pem,
                private_key_pem=certificates.leaf.private_key_pem,
            ),
            time_stamp_url=authority.url,
        )
        files = _spoken(signer, version, now) | _short(signer)
        (folder / "time-root.pem").write_bytes(authority.root_pem)
    (folder / "claim-root.pem").write_bytes(certificates.trust_anchors_pem)
    index = []
    for name, (media_type, data, store) in files.items():
        (folder / name).write_bytes(data)
        if media_type == "audio/ogg":
            (folder / f"{name}.c2pa").write_bytes(store)
        report = signer.read(data, media_type, manifest_store=store if media_type == "audio/ogg" else None)
        assert report.signed_at is not None
        assert report.facts is not None
        index.append(
            {
                "file": name,
                "media_type": media_type,
                "sha256": hashlib.sha256(data).hexdigest(),
                "manifest_label": report.label,
                "signed_at": report.signed_at.isoformat(),
                "episode_id": report.facts.episode_id,
                "soft_bindings": [[one.algorithm, one.value.hex()] for one in report.facts.soft_bindings],
                "marks": ["audioseal", "keyed"] if media_type in SPOKEN else [],
            }
        )
    (folder / "index.json").write_text(json.dumps(index, indent=1) + "\n")


def _spoken(signer: ContentCredentialsSigner, version: str, at: datetime) -> dict[str, tuple[str, bytes, bytes]]:
    marks = [AudioSealMark(weights=DEFAULT_AUDIOSEAL), KeyedMark(key=WATERMARK_KEY)]
    maker = Producer(
        catalogue=hibari_catalogue(),
        marks=marks,
        signer=signer,
        log_origin="log.example/assay",
        software_version=version,
        imprint=Imprint(detector_url="https://gate.example/v1/verifications", aigc_producer="assay.example"),
        renditions=tuple(SPOKEN),
        soft_bindings=soft_bindings(marks),
    )
    screening = Screening(
        "allow", "log.example/assay#41", "default", "2026-11-25", digest("c"), digest("d"), 41, digest("f")
    )
    made = maker.produce(
        parse_script(SCRIPT), episode_id=EPISODE, at=at, screening=screening, disclosure="A machine speaks."
    )
    return {SPOKEN[one.media_type]: (one.media_type, one.data, one.manifest_store) for one in made.clips}


def _short(signer: ContentCredentialsSigner) -> dict[str, tuple[str, bytes, bytes]]:
    tags = Tags(title="Noise", episode_id=EPISODE, aigc=AigcLabel("assay.example", EPISODE, "assay.example", EPISODE))
    return {
        name: (media_type, *signer.sign(tag(clip(media_type, seconds=0.5), media_type, tags), media_type, FACTS))
        for media_type, name in SHORT.items()
    }


if __name__ == "__main__":
    make(sys.argv[1])
