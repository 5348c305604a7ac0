"""Losses of one operation each: convolution, pooling, norms and nets. Operation → level, shapes of inputs, loss."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the usual abbreviation

from tests.bench.verification.one_operation.products import energy


def recurrent(x, W, U):
    """A recurrent network written as a loop."""
    h = torch.zeros(5, dtype=x.dtype)
    for step in x:
        h = torch.tanh(W @ step + U @ h)
    return energy(h)


CONVOLUTION = {
    "conv1d": ("proved", "2 3 7; 4 3 3; 4", lambda x, w, b: energy(F.conv1d(x, w, b))),
    "conv2d": ("proved", "1 2 5 4; 3 2 2 2; 3", lambda x, w, b: energy(F.conv2d(x, w, b))),
    "conv2d without bias": ("proved", "1 2 4 4; 2 2 3 3", lambda x, w: energy(F.conv2d(x, w))),
    "conv3d": ("proved", "1 1 3 3 3; 2 1 2 2 2", lambda x, w: energy(F.conv3d(x, w))),
    "conv2d, padded": ("proved", "1 2 3 3; 2 2 3 3", lambda x, w: energy(F.conv2d(x, w, padding=1))),
    "conv2d, same": ("proved", "1 2 3 3; 2 2 2 2", lambda x, w: energy(F.conv2d(x, w, padding="same"))),
    "conv2d, strided": ("proved", "1 2 5 5; 2 2 3 3", lambda x, w: energy(F.conv2d(x, w, stride=2))),
    "conv1d, dilated": ("proved", "1 2 7; 2 2 3", lambda x, w: energy(F.conv1d(x, w, dilation=2))),
    "conv1d, grouped": ("proved", "1 4 5; 4 2 3", lambda x, w: energy(F.conv1d(x, w, groups=2))),
    "conv1d, depthwise": ("proved", "1 3 5; 3 1 2", lambda x, w: energy(F.conv1d(x, w, groups=3))),
    "conv_transpose1d": ("proved", "1 2 4; 2 3 3", lambda x, w: energy(F.conv_transpose1d(x, w, stride=2))),
    "conv_transpose2d": ("proved", "1 2 3 3; 2 2 2 2", lambda x, w: energy(F.conv_transpose2d(x, w))),
    "conv_transpose3d": ("proved", "1 1 2 2 2; 1 2 2 2 2", lambda x, w: energy(F.conv_transpose3d(x, w))),
    "unfold": ("proved", "1 2 4 4", lambda x: energy(F.unfold(x, 2) ** 2)),
    "fold": ("proved", "1 8 4", lambda x: energy(F.fold(x, (3, 3), 2))),
    "max_pool1d": ("exact", "1 2 6", lambda x: energy(F.max_pool1d(x, 2))),
    "max_pool2d": ("exact", "1 2 4 4", lambda x: energy(F.max_pool2d(x, 2))),
    "max_pool2d, overlapping": ("exact", "1 1 5 5", lambda x: energy(F.max_pool2d(x, 3, 1, padding=1))),
    "max_pool3d": ("exact", "1 1 2 4 4", lambda x: energy(F.max_pool3d(x, 2))),
    "avg_pool1d": ("exact", "1 2 6", lambda x: energy(F.avg_pool1d(x, 3, 1))),
    "avg_pool2d": ("exact", "1 2 4 4", lambda x: energy(F.avg_pool2d(x, 2))),
    "avg_pool2d, padded": ("exact", "1 1 4 4", lambda x: energy(F.avg_pool2d(x, 3, 2, 1, count_include_pad=False))),
    "avg_pool3d": ("exact", "1 1 2 4 4", lambda x: energy(F.avg_pool3d(x, 2))),
    "lp_pool1d": ("exact", "1 2 6", lambda x: F.lp_pool1d(x, 2, 2).sum()),
    "lp_pool2d": ("exact", "1 1 4 4", lambda x: F.lp_pool2d(x, 2, 2).sum()),
    "adaptive_avg_pool1d": ("exact", "1 2 7", lambda x: energy(F.adaptive_avg_pool1d(x, 3))),
    "adaptive_avg_pool2d": ("exact", "1 2 5 4", lambda x: energy(F.adaptive_avg_pool2d(x, (2, 3)))),
    "adaptive_avg_pool2d to 1": ("proved", "1 2 4 4", lambda x: energy(F.adaptive_avg_pool2d(x, 1))),
    "adaptive_max_pool1d": ("exact", "1 2 7", lambda x: energy(F.adaptive_max_pool1d(x, 3))),
    "adaptive_max_pool2d": ("exact", "1 1 5 4", lambda x: energy(F.adaptive_max_pool2d(x, 2))),
    "max_unpool1d": (
        "exact",
        "1 2 6",
        lambda x: energy(F.max_unpool1d(*F.max_pool1d(x, 2, return_indices=True), 2)),
    ),
    "interpolate, nearest": ("proved", "1 2 3 3", lambda x: energy(F.interpolate(x, scale_factor=2))),
    "interpolate, linear": ("exact", "1 2 4", lambda x: energy(F.interpolate(x, size=6, mode="linear"))),
    "interpolate, bilinear": ("exact", "1 1 3 3", lambda x: energy(F.interpolate(x, size=(5, 4), mode="bilinear"))),
    "interpolate, bicubic": ("exact", "1 1 4 4", lambda x: energy(F.interpolate(x, size=(6, 6), mode="bicubic"))),
    "interpolate, trilinear": ("exact", "1 1 2 2 2", lambda x: energy(F.interpolate(x, size=3, mode="trilinear"))),
    "interpolate, area": ("exact", "1 1 4 4", lambda x: energy(F.interpolate(x, size=(2, 2), mode="area"))),
    "grid_sample": (
        "exact",
        "1 1 4 4; 1 2 3 2",
        lambda x, g: energy(F.grid_sample(x, torch.tanh(g), align_corners=False)),
    ),
    "affine_grid": ("agrees", "1 2 3", lambda t: energy(F.affine_grid(t, [1, 1, 3, 4], align_corners=True))),
    "pixel_shuffle": ("proved", "1 4 2 3", lambda x: energy(F.pixel_shuffle(x, 2) ** 2)),
    "pixel_unshuffle": ("proved", "1 1 4 6", lambda x: energy(F.pixel_unshuffle(x, 2) ** 2)),
    "channel_shuffle": ("proved", "1 4 2 2", lambda x: energy(F.channel_shuffle(x, 2) ** 2)),
    "pad with zeros": ("proved", "2 3 4", lambda x: energy(F.pad(x, (1, 2)) ** 2)),
    "pad with a constant": ("proved", "2 3 4", lambda x: energy(F.pad(x, (1, 2), value=3.0) ** 2)),
    "pad, reflected": ("proved", "1 2 5", lambda x: energy(F.pad(x, (2, 1), mode="reflect"))),
    "pad, replicated": ("proved", "1 2 3 3", lambda x: energy(F.pad(x, (1, 2, 1, 0), mode="replicate"))),
    "pad, circular": ("agrees_float64", "1 2 5", lambda x: energy(F.pad(x, (2, 1), mode="circular"))),
}

NETS = {
    "layer_norm": ("exact", "3 5; 5; 5", lambda x, w, b: F.layer_norm(x, (5,), w, b).pow(3).sum()),
    "rms_norm": ("exact", "3 5; 5", lambda x, w: F.rms_norm(x, (5,), w).pow(3).sum()),
    "batch_norm in training": (
        "exact",
        "4 3; 3; 3",
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True).pow(3).sum(),
    ),
    "batch_norm of images": ("exact", "2 2 3 2", lambda x: F.batch_norm(x, None, None, training=True).pow(3).sum()),
    "batch_norm, fixed": (
        "exact",
        "4 3; 3; 3",
        lambda x, w, b: F.batch_norm(x, torch.ones(3).double(), torch.full((3,), 4.0).double(), w, b).pow(3).sum(),
    ),
    "group_norm": ("agrees", "2 4 3; 4; 4", lambda x, w, b: F.group_norm(x, 2, w, b).pow(3).sum()),
    "instance_norm": ("exact", "2 3 4", lambda x: F.instance_norm(x).pow(3).sum()),
    "local_response_norm": ("exact", "1 4 3", lambda x: F.local_response_norm(x, 3).pow(2).sum()),
    "normalize": ("exact", "m n", lambda x: F.normalize(x, dim=1).pow(3).sum()),
    "normalize of order 1": ("exact", "3 4", lambda x: F.normalize(x, p=1, dim=1).pow(3).sum()),
    "weight norm": ("exact", "3 4; 3 1", lambda v, g: torch._weight_norm(v, g, 0).pow(3).sum()),
    "sdpa": (
        "exact",
        "2 3 4; 2 5 4; 2 5 2",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v).pow(2).sum(),
    ),
    "sdpa, causal": (
        "exact",
        "2 3 4; 2 3 4; 2 3 2",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True).pow(2).sum(),
    ),
    "sdpa with a bias": (
        "exact",
        "3 4; 5 4; 5 2; 3 5",
        lambda q, k, v, m: F.scaled_dot_product_attention(q, k, v, m).pow(2).sum(),
    ),
    "sdpa with a mask": (
        "exact",
        "3 4; 3 4; 3 2",
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.ones(3, 3).tril().bool()).pow(2).sum(),
    ),
    "attention by hand": (
        "exact",
        "3 4; 5 4; 5 2",
        lambda q, k, v: (torch.softmax(q @ k.T / 2, -1) @ v).pow(2).sum(),
    ),
    "multi_head_attention_forward": (
        "exact",
        "3 1 4; 12 4; 12; 4 4; 4",
        lambda x, W, b, V, c: (
            F.multi_head_attention_forward(x, x, x, 4, 2, W, b, None, None, False, 0.0, V, c, need_weights=False)[0]
            .pow(2)
            .sum()
        ),
    ),
    "dropout of 0": ("proved", "m n", lambda x: energy(F.dropout(x, 0.0))),
    "dropout outside training": ("proved", "m n", lambda x: energy(F.dropout(x, 0.5, training=False))),
    "RNN by hand": ("exact", "3 4; 5 4; 5 5", recurrent),
    "rnn_tanh_cell": (
        "exact",
        "2 3; 2 4; 4 3; 4 4; 4; 4",
        lambda x, h, W, U, b, c: torch.rnn_tanh_cell(x, h, W, U, b, c).pow(2).sum(),
    ),
    "rnn_relu_cell": (
        "exact",
        "2 3; 2 4; 4 3; 4 4; 4; 4",
        lambda x, h, W, U, b, c: torch.rnn_relu_cell(x, h, W, U, b, c).pow(2).sum(),
    ),
    "lstm_cell": (
        "exact",
        "2 3; 2 4; 2 4; 16 3; 16 4; 16; 16",
        lambda x, h, k, W, U, b, c: torch.lstm_cell(x, (h, k), W, U, b, c)[0].pow(2).sum(),
    ),
    "gru_cell": (
        "exact",
        "2 3; 2 4; 12 3; 12 4; 12; 12",
        lambda x, h, W, U, b, c: torch.gru_cell(x, h, W, U, b, c).pow(2).sum(),
    ),
    "RNN": (
        "exact",
        "3 2 3; 1 2 4; 4 3; 4 4",
        lambda x, h, W, U: torch.rnn_tanh(x, h, [W, U], False, 1, 0.0, False, False, False)[0].pow(2).sum(),
    ),
    "LSTM": (
        "exact",
        "3 2 3; 1 2 2; 1 2 2; 8 3; 8 2",
        lambda x, h, c, W, U: torch.lstm(x, (h, c), [W, U], False, 1, 0.0, False, False, False)[0].pow(2).sum(),
    ),
    "GRU": (
        "exact",
        "3 2 3; 1 2 2; 6 3; 6 2",
        lambda x, h, W, U: torch.gru(x, h, [W, U], False, 1, 0.0, False, False, False)[0].pow(2).sum(),
    ),
    "nn.LayerNorm": ("exact", "3 5", lambda x: nn.LayerNorm(5, dtype=x.dtype)(x).pow(3).sum()),
    "nn.BatchNorm1d": ("exact", "4 3", lambda x: nn.BatchNorm1d(3, dtype=x.dtype)(x).pow(3).sum()),
    "nn.PReLU": ("exact", "7", lambda x: energy(nn.PReLU(dtype=x.dtype)(x))),
    "nn.Sequential": ("exact", "3 4", lambda x: energy(nn.Sequential(nn.Tanh(), nn.Flatten(0))(x))),
}
