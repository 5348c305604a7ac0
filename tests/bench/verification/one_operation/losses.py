"""Losses of one operation each: the losses of torch.nn.functional. Operation → level, shapes of inputs, loss."""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812 - the usual abbreviation

LABELS = torch.tensor([2, 0, 1, 2])
SIGNS = torch.tensor([1.0, -1.0, 1.0, -1.0], dtype=torch.float64)
WEIGHTS = torch.tensor([1.0, 2.0, 0.5], dtype=torch.float64)
CLASSES = torch.tensor([[1, 0, 1], [0, 0, 1], [1, 1, 0], [0, 1, 0]])
SETS = torch.tensor([[2, 0, -1], [1, -1, 0], [0, 1, 2], [-1, 0, 1]])


def probabilities(x):
    """Numbers strictly between 0 and 1."""
    return torch.sigmoid(x)


def cross_entropy(**options):
    """Cross-entropy of logits with labels."""
    return ("exact", "4 3", lambda x: F.cross_entropy(x, LABELS, **options))


LOSSES = {
    "mse": ("agrees", "m n; m n", lambda x, y: F.mse_loss(x, y)),
    "mse, summed": ("proved", "m n; m n", lambda x, y: F.mse_loss(x, y, reduction="sum")),
    "mse without reduction": ("proved", "m n; m n", lambda x, y: F.mse_loss(x, y, reduction="none").sum()),
    "l1": ("exact", "m n; m n", lambda x, y: F.l1_loss(x, y)),
    "huber": ("agrees", "m n; m n", lambda x, y: F.huber_loss(x, y)),
    "huber with delta": ("agrees", "m n; m n", lambda x, y: F.huber_loss(x, y, delta=0.3)),
    "smooth_l1": ("agrees", "m n; m n", lambda x, y: F.smooth_l1_loss(x, y)),
    "smooth_l1 with beta": ("agrees", "m n; m n", lambda x, y: F.smooth_l1_loss(x, y, beta=0.5)),
    "cross_entropy": cross_entropy(),
    "cross_entropy, summed": cross_entropy(reduction="sum"),
    "cross_entropy, weighted": cross_entropy(weight=WEIGHTS),
    "cross_entropy, ignoring": cross_entropy(ignore_index=2),
    "cross_entropy, smoothed": cross_entropy(label_smoothing=0.1),
    "cross_entropy with probabilities": ("exact", "4 3; 4 3", lambda x, t: F.cross_entropy(x, torch.softmax(t, 1))),
    "cross_entropy of images": ("exact", "1 3 2 2", lambda x: F.cross_entropy(x, LABELS.reshape(1, 2, 2))),
    "nll": ("exact", "4 3", lambda x: F.nll_loss(torch.log_softmax(x, 1), LABELS)),
    "binary_cross_entropy": (
        "wrong",
        "n; n",
        lambda x, y: F.binary_cross_entropy(probabilities(x), probabilities(y)),
    ),
    "binary_cross_entropy_with_logits": (
        "exact",
        "n; n",
        lambda x, y: F.binary_cross_entropy_with_logits(x, probabilities(y)),
    ),
    "binary_cross_entropy_with_logits, weighted": (
        "exact",
        "4 3",
        lambda x: F.binary_cross_entropy_with_logits(x, CLASSES.double(), pos_weight=WEIGHTS),
    ),
    "kl_div": ("exact", "m n; m n", lambda x, y: F.kl_div(x, probabilities(y), reduction="batchmean")),
    "kl_div of logarithms": ("exact", "3 4; 3 4", lambda x, y: F.kl_div(x, y, reduction="sum", log_target=True)),
    "poisson_nll": ("exact", "n; n", lambda x, y: F.poisson_nll_loss(x, y)),
    "poisson_nll without log": (
        "exact",
        "n; n",
        lambda x, y: F.poisson_nll_loss(x.exp(), y, log_input=False),
    ),
    "poisson_nll, full": ("exact", "5; 5", lambda x, y: F.poisson_nll_loss(x, y.exp() + 1, full=True)),
    "gaussian_nll": ("exact", "n; n; n", lambda x, y, v: F.gaussian_nll_loss(x, y, v.exp())),
    "cosine_similarity": ("exact", "m n; m n", lambda x, y: F.cosine_similarity(x, y).sum()),
    "cosine_embedding": ("exact", "4 3; 4 3", lambda x, y: F.cosine_embedding_loss(x, y, SIGNS, margin=0.2)),
    "triplet_margin": ("exact", "4 3; 4 3; 4 3", lambda x, y, z: F.triplet_margin_loss(x, y, z)),
    "triplet_margin with swap": ("exact", "4 3; 4 3; 4 3", lambda x, y, z: F.triplet_margin_loss(x, y, z, swap=True)),
    "triplet_margin_with_distance": (
        "exact",
        "4 3; 4 3; 4 3",
        lambda x, y, z: F.triplet_margin_with_distance_loss(x, y, z),
    ),
    "margin_ranking": ("exact", "4; 4", lambda x, y: F.margin_ranking_loss(x, y, SIGNS, margin=0.5)),
    "hinge_embedding": ("exact", "4", lambda x: F.hinge_embedding_loss(x, SIGNS)),
    "multi_margin": ("exact", "4 3", lambda x: F.multi_margin_loss(x, LABELS)),
    "multi_margin, weighted": ("exact", "4 3", lambda x: F.multi_margin_loss(x, LABELS, p=2, weight=WEIGHTS)),
    "multilabel_margin": ("exact", "4 3", lambda x: F.multilabel_margin_loss(x, SETS)),
    "multilabel_soft_margin": ("exact", "4 3", lambda x: F.multilabel_soft_margin_loss(x, CLASSES.double())),
    "soft_margin": ("exact", "4", lambda x: F.soft_margin_loss(x, SIGNS)),
    "ctc": (
        "exact",
        "4 1 3",
        lambda x: F.ctc_loss(torch.log_softmax(x, 2), torch.tensor([[1, 2]]), torch.tensor([4]), torch.tensor([2])),
    ),
    "pairwise_distance": ("exact", "m n; m n", lambda x, y: F.pairwise_distance(x, y).sum()),
    "pairwise_distance of order 1": ("exact", "3 4; 3 4", lambda x, y: F.pairwise_distance(x, y, p=1).sum()),
    "pdist": ("exact", "4 3", lambda x: F.pdist(x).sum()),
    "cdist": ("exact", "4 3; 2 3", lambda x, y: torch.cdist(x, y).sum()),
    "cdist of order 1": ("exact", "4 3; 2 3", lambda x, y: torch.cdist(x, y, p=1).pow(2).sum()),
    "cdist of order infinity": ("exact", "4 3; 2 3", lambda x, y: torch.cdist(x, y, p=float("inf")).sum()),
    "dist": ("exact", "n; n", lambda x, y: torch.dist(x, y)),
    "dist of order 3": ("exact", "5; 5", lambda x, y: torch.dist(x, y, 3)),
    "focal": (
        "exact",
        "4 3",
        lambda x: ((1 - x.softmax(1)) ** 2 * -x.log_softmax(1))[torch.arange(4), LABELS].mean(),
    ),
    "dice": ("exact", "4 3", lambda x: 1 - 2 * (x.sigmoid() * CLASSES).sum() / (x.sigmoid().sum() + CLASSES.sum())),
    "InfoNCE": (
        "exact",
        "4 3; 4 3",
        lambda x, y: F.cross_entropy(F.normalize(x) @ F.normalize(y).T * 5, torch.arange(4)),
    ),
    "KL divergence of a Gaussian": ("exact", "n; n", lambda m, s: (m * m + s.exp() - s - 1).sum() / 2),
    "total variation": ("exact", "4 4", lambda x: x.diff(dim=0).abs().sum() + x.diff(dim=1).abs().sum()),
}
