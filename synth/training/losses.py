"""What training minimises: presence per frame, message bits per clip and per second."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from synth.adapters.audioseal_contract import SAMPLE_RATE
from synth.training.teacher import HOP

SECOND = SAMPLE_RATE // HOP


@dataclass(frozen=True, slots=True)
class MarkLoss:
    """Loss to minimise and the numbers to log; `bits` and `correct` have one entry per message bit."""

    total: Tensor
    presence: float
    bits: Tensor
    correct: Tensor


def mark_loss(logits: Tensor, message: Tensor, marked: Tensor, weights: Tensor) -> MarkLoss:
    """Loss of frame `logits` (B, 2 + bits, F) for `message` (B, bits) where `marked` (B, F) is 1.

    Bits count in clips with at least a second of mark, on the logit averaged over the marked frames, and (30 %) on the
    average over each second.  Presence counts per frame, and in clips that are marked whole or not at all also on
    average.  Without a mark the average of the bits is drawn to 0, so that no bit leans.  `weights` (bits,) raises the
    bits that are not learned yet.
    """
    presence = functional.cross_entropy(logits[:, :2], marked.long())
    target = message.float()
    amount = marked.sum(-1)
    enough = (amount >= SECOND).float()
    mean = (logits[:, 2:] * marked[:, None]).sum(-1) / amount.clamp_min(1)[:, None]
    per_bit = functional.binary_cross_entropy_with_logits(mean, target, reduction="none")
    per_bit = (per_bit * enough[:, None]).sum(0) / enough.sum().clamp_min(1)
    seconds = logits.shape[-1] // SECOND
    cut = seconds * SECOND
    pieces = logits[:, 2:, :cut].reshape(len(logits), -1, seconds, SECOND).mean(-1)
    full = marked[:, :cut].reshape(len(logits), 1, seconds, SECOND).amin(-1)
    short = functional.binary_cross_entropy_with_logits(
        pieces, target[..., None].expand_as(pieces), weight=full.expand_as(pieces), reduction="sum"
    ) / (full.sum() * message.shape[1]).clamp_min(1)
    absent = (amount == 0).float()
    bias = (logits[:, 2:].mean(-1).square().mean(-1) * absent).sum() / absent.sum().clamp_min(1)
    margin = (logits[:, 1] - logits[:, 0]).mean(-1)
    whole = absent + (amount == marked.shape[-1]).float()
    clip = functional.binary_cross_entropy_with_logits(margin, 1 - absent, weight=whole)
    total = presence + clip + 4.0 * (per_bit * weights).mean() + 1.2 * short + 0.1 * bias
    right = ((mean > 0) == (target > 0.5)).float() * enough[:, None]
    correct = right.sum(0) / enough.sum().clamp_min(1)
    return MarkLoss(total, float(presence.detach()), per_bit.detach(), correct)
