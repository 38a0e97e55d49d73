"""What a manifest says about how its clip sounds: a digest of the whole fingerprint, and a stretch of it (pure).

The stretch is long enough that a resolver which knows nothing but manifests can hold a copy against it; the digest is
the one in the audit log, so the manifest, the log and the stored fingerprint are about the same sound.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from synth.credentials import ClipFingerprint
from synth.decode import decode
from synth.fingerprint import FRAME, LAG, RATE, fingerprint
from synth.manifest import FINGERPRINT_ALGORITHM

EXCERPT_SECONDS = 12.0  # 480 bytes; longer than the 10 s of overlap that alignment asks for


def bound_fingerprint(encoded: bytes) -> ClipFingerprint:
    """Return what the manifest says about the sound of an encoded clip; raises `AudioError` if it cannot be decoded.

    The stretch is the middle of the programme, because many begin with the same disclosure.
    """
    sound = decode(encoded, target_rate=RATE)
    whole = fingerprint(sound.samples, sound.sample_rate)
    words = min(len(whole), round(EXCERPT_SECONDS / whole.hop_seconds))
    first = (len(whole) - words) // 2
    excerpt = replace(whole, words=whole.words[4 * first : 4 * (first + words)])
    heard = (words + LAG - 1) * whole.hop_seconds + FRAME / RATE  # the last word looks ahead by the lag and one frame
    start = first * whole.hop_seconds
    return ClipFingerprint(
        algorithm=FINGERPRINT_ALGORITHM,
        digest=f"sha256:{hashlib.sha256(whole.to_bytes()).hexdigest()}",
        excerpt=excerpt.to_bytes(),
        start=start,
        end=min(start + heard, sound.duration),
    )
