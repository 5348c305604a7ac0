"""Decompositions of losses that PyTorch computes in one piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch._decomp import get_decompositions

aten: Any = torch.ops.aten
Tensor = torch.Tensor

BY_TORCH = (
    "multi_margin_loss", "nll_loss2d_backward", "nll_loss2d_forward",
    "soft_margin_loss", "soft_margin_loss_backward",
)  # fmt: skip
MEAN = 1
"""PyTorch's number for the reduction "mean"; 0 is "none" and 2 is "sum"."""


def _per_row(g: Tensor, rows: int, reduction: int) -> Any:
    """The cotangent of the loss of each row, as a column."""
    return (g / rows if reduction == MEAN else g).reshape(-1, 1)


def _ones_where(condition: Tensor, like: Tensor) -> Any:
    return aten.where(condition, torch.ones((), dtype=like.dtype), torch.zeros((), dtype=like.dtype))


def _multi_margin_backward(
    g: Tensor, x: Tensor, target: Tensor, p: float, margin: float, weight: Tensor | None = None, reduction: int = MEAN
) -> Any:
    rows = x.reshape(-1, x.shape[-1])
    labels = target.reshape(-1, 1)
    excess = margin - aten.gather(rows, 1, labels) + rows
    others = torch.arange(rows.shape[1], device=x.device).unsqueeze(0) != labels
    slope = aten.where((excess > 0) & others, 2 * excess if p == 2 else torch.ones_like(excess), 0 * excess)
    if weight is not None:
        slope = slope * aten.index_select(weight, 0, labels.reshape(-1)).unsqueeze(1)
    slope = slope / rows.shape[1] * _per_row(g, rows.shape[0], reduction)
    return aten.scatter_add(slope, 1, labels, -aten.sum(slope, [1], True)).reshape(x.shape)


def _multilabel_excess(x: Tensor, target: Tensor) -> tuple[Any, Any, Any, Any]:
    """1 − x[label] + x[class] per row, label and class; whether it counts; the labels; and whether a class is one.

    The labels of a row end before its first −1.
    """
    rows, labels = x.reshape(-1, x.shape[-1]), target.reshape(-1, x.shape[-1])
    is_listed = ((labels < 0).cumsum(1) == 0).unsqueeze(2)
    places = labels.clamp(min=0)
    is_label = ((places.unsqueeze(2) == torch.arange(rows.shape[1], device=x.device)) & is_listed).any(1)
    excess = 1 - aten.gather(rows, 1, places).unsqueeze(2) + rows.unsqueeze(1)
    return excess, is_listed & ~is_label.unsqueeze(1), places, is_label


def _multilabel_margin(x: Tensor, target: Tensor, reduction: int) -> Any:
    excess, counts, _, is_label = _multilabel_excess(x, target)
    terms = aten.where(counts, aten.clamp(excess, 0), torch.zeros_like(excess))
    loss = aten.sum(terms, [1, 2]) / x.shape[-1]
    if reduction:
        loss = aten.mean(loss) if reduction == MEAN else aten.sum(loss)
    is_single = x.dim() < 2 and not reduction
    return loss.reshape(()) if is_single else loss, is_label.to(x.dtype).reshape(x.shape)


def _multilabel_margin_backward(g: Tensor, x: Tensor, target: Tensor, reduction: int, is_target: Tensor) -> Any:
    excess, counts, places, _ = _multilabel_excess(x, target)
    active = _ones_where((excess > 0) & counts, x)
    slope = aten.scatter_add(aten.sum(active, [1]), 1, places, -aten.sum(active, [2]))
    return (slope / x.shape[-1] * _per_row(g, slope.shape[0], reduction)).reshape(x.shape)


class _Paths:
    """Sums over the alignments of a label sequence (Graves, Fernández, Gomez & Schmidhuber 2006), per batch entry.

    States alternate between blanks and labels. Sums are kept as probabilities rather than logarithms: all terms are
    positive, so nothing cancels, and an arithmetic without overflow needs no scaling.
    """

    def __init__(self, log_probs: Tensor, targets: Tensor, inputs: Any, lengths: Any, blank: int) -> None:
        self.inputs = torch.as_tensor(inputs, dtype=torch.int64)
        self.lengths = torch.as_tensor(lengths, dtype=torch.int64)
        batch = log_probs.shape[1]
        width = targets.shape[1] if targets.dim() == 2 else targets.numel()
        starts = torch.arange(batch) * width if targets.dim() == 2 else self.lengths.cumsum(0) - self.lengths
        places = (starts.unsqueeze(1) + torch.arange(width)).clamp(max=max(0, targets.numel() - 1))
        labels = targets.reshape(-1).long()[places]
        blanks = torch.full_like(labels, blank)
        last = torch.full((batch, 1), blank)
        self.states = torch.cat([torch.stack([blanks, labels], 2).reshape(batch, -1), last], 1)
        before = torch.cat([torch.full((batch, 2), blank), self.states[:, :-2]], 1)
        self.skips = _ones_where((self.states != blank) & (self.states != before), log_probs)
        self.probs = aten.exp(aten.gather(log_probs, 2, self.states.expand(log_probs.shape[0], batch, -1)))
        number = torch.arange(self.states.shape[1])
        self.is_start = _ones_where(number.expand(batch, -1) < 1 + (self.lengths > 0).long().unsqueeze(1), log_probs)
        ends = 2 * self.lengths.unsqueeze(1)
        self.is_end = _ones_where((number == ends) | ((number == ends - 1) & (ends > 0)), log_probs)
        self.is_state = _ones_where(number <= ends, log_probs)

    def forward(self) -> list[Any]:
        """For each time and state, the probability of all prefixes that end there."""
        sums = [self.probs[0] * self.is_start * self._first_two()]
        for probs in self.probs[1:].unbind(0):
            sums.append(probs * self._moved(sums[-1], 1))
        return sums

    def _first_two(self) -> Any:
        return _ones_where(torch.arange(self.states.shape[1]) < 2, self.probs)

    def _moved(self, x: Tensor, step: int) -> Any:
        """x plus its neighbours one state away and, where allowed, two states away."""
        zero = torch.zeros_like(x[:, :1])
        if step > 0:
            one, two = torch.cat([zero, x[:, :-1]], 1), torch.cat([zero, zero, x[:, :-2]], 1) * self.skips
        else:
            y = x * self.skips
            one, two = torch.cat([x[:, 1:], zero], 1), torch.cat([y[:, 2:], zero, zero], 1)
        return x + one + two

    def total(self, sums: list[Any]) -> Any:
        """The probability of the label sequence."""
        stacked = torch.stack(sums)
        place = (self.inputs - 1).reshape(1, -1, 1).expand(1, -1, stacked.shape[2])
        return aten.sum(aten.gather(stacked, 0, place)[0] * self.is_end, [1])

    def backward(self) -> list[Any]:
        """For each time and state, the probability of all suffixes that follow."""
        after = torch.zeros_like(self.is_end)
        sums = []
        for t in range(self.probs.shape[0] - 1, -1, -1):
            is_last = (self.inputs - 1 == t).unsqueeze(1)
            after = aten.where(is_last, self.is_end, after)
            sums.append(after)
            after = self._moved(after * self.probs[t], -1)
        return sums[::-1]


def _ctc_loss(
    log_probs: Tensor, targets: Tensor, inputs: Any, lengths: Any, blank: int = 0, zero_infinity: bool = False
) -> Any:
    """−log of the probability of the labels, and the logarithms of the sums over prefixes."""
    paths = _Paths(log_probs, targets, inputs, lengths, blank)
    sums = paths.forward()
    loss = -aten.log(paths.total(sums))
    if zero_infinity:
        loss = aten.where(aten.isinf(loss), torch.zeros_like(loss), loss)
    return loss, aten.log(torch.stack(sums, 1))


def _ctc_loss_backward(
    g: Tensor, log_probs: Tensor, targets: Tensor, inputs: Any, lengths: Any, loss: Tensor, log_alpha: Tensor,
    blank: int, zero_infinity: bool = False,
) -> Any:  # fmt: skip
    """PyTorch's cotangent: the one of the logits, for log_probs = log_softmax(logits)."""
    paths = _Paths(log_probs, targets, inputs, lengths, blank)
    sums = paths.forward()
    share = torch.stack(sums) * torch.stack(paths.backward()) / paths.total(sums).reshape(1, -1, 1)
    places = paths.states.expand(share.shape)
    posterior = aten.scatter_add(torch.zeros_like(log_probs), 2, places, share)
    is_used = torch.arange(log_probs.shape[0]).unsqueeze(1) < paths.inputs
    to_logits = (aten.exp(log_probs) - posterior) * g.unsqueeze(1)
    return aten.where(is_used.unsqueeze(2), to_logits, torch.zeros_like(to_logits))


OURS: dict[Any, Callable[..., Any]] = {
    aten._ctc_loss.Tensor: _ctc_loss,
    aten._ctc_loss.default: _ctc_loss,
    aten._ctc_loss_backward.Tensor: _ctc_loss_backward,
    aten._ctc_loss_backward.default: _ctc_loss_backward,
    aten.multi_margin_loss_backward.default: _multi_margin_backward,
    aten.multilabel_margin_loss_forward.default: _multilabel_margin,
    aten.multilabel_margin_loss_backward.default: _multilabel_margin_backward,
}

DECOMPOSITIONS: dict[Any, Callable[..., Any]] = {
    **get_decompositions([getattr(aten, name) for name in BY_TORCH]),
    **OURS,
}
"""Operation overload → its decomposition."""
