"""All attacks, in the order of the tables."""

from __future__ import annotations

from bench.watermark.attack import Attack, Material
from bench.watermark.attacks.chains import chain_attacks
from bench.watermark.attacks.codecs import codec_attacks
from bench.watermark.attacks.edits import CLEAN, edit_attacks
from bench.watermark.attacks.filters import filter_attacks
from bench.watermark.attacks.levels import level_attacks
from bench.watermark.attacks.noise import noise_attacks
from bench.watermark.attacks.pace import pace_attacks

QUICK = ("clean", "mp3-32k", "opus-12k", "white-20db", "speed-1.05", "pitch+1", "reverb-0.6s")
"""What a smoke run tries."""


def all_attacks(material: Material) -> tuple[Attack, ...]:
    """Return the suite, `clean` first; names are unique."""
    attacks = (
        CLEAN,
        *codec_attacks(),
        *noise_attacks(material),
        *filter_attacks(),
        *pace_attacks(),
        *level_attacks(),
        *edit_attacks(material),
        *chain_attacks(material),
    )
    names = [attack.name for attack in attacks]
    if len(set(names)) != len(names):
        raise ValueError(f"two attacks share a name: {sorted({name for name in names if names.count(name) > 1})}")
    return attacks
