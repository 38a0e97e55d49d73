"""Builder of what drafts scripts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.drafting import Drafter
    from gateway.settings import Settings


def build_drafter(settings: Settings) -> Drafter | None:
    """Build access to the language model that drafts; None where no endpoint is set."""
    if not settings.draft_url:
        return None
    from gateway.drafting import Drafter

    return Drafter(
        url=settings.draft_url,
        model=settings.draft_model,
        api_key=settings.draft_api_key.get_secret_value(),
        timeout_seconds=settings.draft_timeout_seconds,
        allow_plain_http=settings.draft_allow_plain_http,
    )
