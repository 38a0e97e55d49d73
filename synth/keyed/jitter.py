"""What makes repeated questions about one recording useless to somebody who tries to remove its mark (pure).

Where reading begins, and how much more than the threshold is asked for, depend on the key and the content. The same
content always meets the same edge, so asking again tells nothing; content changed a little meets another, so an answer
that flips does not say that the change brought it nearer to the edge.
"""

from __future__ import annotations

import hmac

LARGEST_SHIFT = 0.25  # seconds that reading may begin late: half the distance of its windows
LARGEST_CAUTION = 4.0  # powers of two by which the accepted probability may be lowered


def edge(query_key: bytes, content: bytes) -> tuple[float, float]:
    """Return (seconds to skip, factor on alpha in 1/16..1) for `content`, a digest of canonical sound."""
    digest = hmac.digest(query_key, content, "sha256")
    first, second = (int.from_bytes(digest[at : at + 4], "big") / 2**32 for at in (0, 4))
    return first * LARGEST_SHIFT, 2.0 ** (-second * LARGEST_CAUTION)
