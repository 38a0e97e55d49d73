"""Signing in with the organisation's OpenID provider, put together from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.keys import KeyFiles

if TYPE_CHECKING:
    from gateway.federation import Federation
    from gateway.sealing import Seal
    from gateway.settings import Settings
    from gateway.toolchain import Toolchain


def build_federation(tools: Toolchain, seal: Seal) -> Federation | None:
    """Return it, or None where no provider is set up; the provider is not asked before somebody signs in."""
    from gateway.auth import Role
    from gateway.federation import Federation
    from gateway.oidc import OpenIdProvider

    settings = tools.settings
    if not settings.oidc_issuer:
        return None
    return Federation(
        database=tools.database,
        log=tools.log,
        clock=tools.clock,
        seal=seal,
        provider=OpenIdProvider(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id,
            client_secret=_client_secret(settings),
            redirect_uri=settings.public_url.rstrip("/") + "/console/sign-in/callback",
            scopes=settings.oidc_scopes,
            groups_claim=settings.oidc_groups_claim,
            clock=tools.clock,
        ),
        roles={group: Role(role) for group, role in settings.oidc_roles.items()},
        domains=settings.oidc_email_domains,
        label=settings.oidc_label,
    )


def _client_secret(settings: Settings) -> str:
    path = settings.oidc_client_secret_file
    if path is None:
        return settings.oidc_client_secret.get_secret_value()
    return KeyFiles(path.parent).private(path.name).decode().partition("\n")[0].strip()
