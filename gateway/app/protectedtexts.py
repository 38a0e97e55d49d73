"""The installation's registry of protected texts: read whole at start, replaced whole by the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.errors import StorageError
from gateway.keys import KeyFiles, make_protected_texts_key, replace_private

if TYPE_CHECKING:
    from gateway.settings import Settings
    from policies.protected.registry import TextRegistry


def registered_texts(settings: Settings) -> TextRegistry | None:
    """Read the registry; None where no text was ever registered. A damaged file or a lost key is an error."""
    from policies.protected.registry import TextRegistry

    path = settings.protected_texts
    if not path.exists():
        return None
    try:
        content = path.read_bytes()
    except OSError as error:
        raise StorageError(f"{path} cannot be read ({error.strerror}); check its owner") from error
    return TextRegistry.parse(content, key=KeyFiles(settings.keys).protected_texts_key(), source=path.name)


def new_registry(settings: Settings) -> TextRegistry:
    """Return an empty registry with this installation's key, which is made where it is missing."""
    from policies.protected.registry import TextRegistry

    return TextRegistry((), make_protected_texts_key(KeyFiles(settings.keys)))


def store_texts(settings: Settings, registry: TextRegistry) -> None:
    """Replace the registry's file in one step; processes that run keep what they read until a restart."""
    replace_private(settings.protected_texts, registry.dump())
