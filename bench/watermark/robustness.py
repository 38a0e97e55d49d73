"""Part `robustness` and part `peers`: every attack on every kind of sound, every clip cut at a random sample."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from bench.watermark.attack import RATE, Attack, Goal, Samples
from bench.watermark.bench import Bench, cuts, version_of
from bench.watermark.sources import KINDS, Programme
from bench.watermark.systems.peers import peers
from bench.watermark.systems.port import System

CLIP = 20.0  # seconds that the keyed mark and the peers get
SHORT = 5  # seconds that AudioSeal gets; the clip is cut after the attack, so every clip gives up to four
PEER_SECONDS = {"AWARE": 44}  # of a programme that a peer marks, where all of it would take many minutes


def measure(bench: Bench) -> None:
    """Attack what carries both of our marks; with each mark alone, only what there are goals for."""
    both: tuple[System, ...] = (bench.audioseal, bench.keyed())
    plans: list[tuple[str, tuple[System, ...], tuple[System, ...], int]] = [
        ("both", both, both, bench.size.programmes),
        ("audioseal", both[:1], both[:1], bench.size.alone),
        ("keyed", both[1:], both[1:], bench.size.alone),
    ]
    for carrier, marks, readers, count in plans:
        work = [
            (programme, attack)
            for kind in KINDS
            for programme in bench.programmes(kind, count)
            for attack in bench.attacks
            if (carrier == "both" or attack.goal is not Goal.OPEN)
            and key(carrier, readers, programme, attack) not in bench.store
        ]
        for programme, attack in bench.each(work, f"robustness, carrying {carrier}"):
            clips = cuts(bench.marked(marks, programme), bench.size.clips, CLIP, programme.number)
            bench.store.put(key(carrier, readers, programme, attack), _attacked(clips, attack, readers, programme))


def measure_peers(bench: Bench) -> None:
    """Attack what carries the mark of one peer; a peer that cannot run here is named and left out."""
    for peer in peers(bench.console):
        work = [
            (programme, attack)
            for kind in KINDS
            for programme in bench.programmes(kind, min(bench.size.peers, bench.size.programmes))
            for attack in bench.attacks
            if key(peer.name, (peer,), programme, attack) not in bench.store
        ]
        for programme, attack in bench.each(work, f"robustness, carrying {peer.name}"):
            marked = bench.marked((peer,), programme, PEER_SECONDS.get(peer.name, 0))
            clips = cuts(marked, bench.size.clips, CLIP, programme.number)
            bench.store.put(key(peer.name, (peer,), programme, attack), _attacked(clips, attack, (peer,), programme))


def key(carrier: str, readers: tuple[System, ...], programme: Programme, attack: Attack) -> tuple[str, ...]:
    """Return where a measurement is kept."""
    return ("robustness", carrier, version_of(*readers), programme.kind, str(programme.number), attack.name)


def _attacked(
    clips: list[tuple[float, Samples]], attack: Attack, readers: tuple[System, ...], programme: Programme
) -> dict[str, list[dict[str, Any]]]:
    """Return what every reader said about every attacked clip, with the seconds it took."""
    said: dict[str, list[dict[str, Any]]] = {reader.name: [] for reader in readers}
    for number, (start, clip) in enumerate(clips):
        try:
            changed = attack(clip, seed=100 * programme.number + number)
        except ImportError:
            return {}  # the tool of this attack is not installed: the tables show a dash
        for reader in readers:
            for piece in _pieces(changed) if reader.name.startswith("AudioSeal") else [changed]:
                began = time.process_time()
                outcome = asdict(reader.detect(piece, programme.episode_id, attack.place(start)))
                said[reader.name].append(outcome | {"seconds": round(time.process_time() - began, 3)})
    return said


def _pieces(clip: Samples) -> list[Samples]:
    """Cut into clips of five seconds; what is left over is not used, unless it is all there is."""
    size = SHORT * RATE
    return [clip[start : start + size] for start in range(0, len(clip) - size + 1, size)] or [clip]
