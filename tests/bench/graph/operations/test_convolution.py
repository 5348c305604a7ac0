"""Convolutions, pooling, padding and resampling agree with PyTorch in value, derivative and backward graph."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from gradiometer.graph.arithmetic.balls import balls
from gradiometer.graph.evaluate import evaluate
from gradiometer.graph.trace import trace
from tests.bench.graph.operations.agreement import assert_agreement

GENERATOR = torch.Generator().manual_seed(3)


def normal(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


def cubed(function):
    """A loss of one number: the sum of the cubes of the results."""

    def loss(*inputs):
        found = function(*inputs)
        return sum((part**3).sum() for part in (found if isinstance(found, (list, tuple)) else [found]))

    return loss


LINE, IMAGE, VOLUME = normal(2, 2, 5), normal(1, 2, 4, 5), normal(1, 1, 3, 3, 4)
TIED = torch.tensor([[[1.0, 1.0, 0.5, 1.0, 1.0]]], dtype=torch.float64)
GRID = torch.rand(1, 1, 3, 2, generator=GENERATOR, dtype=torch.float64) * 2.4 - 1.2
POINTS = torch.rand(1, 1, 1, 2, 3, generator=GENERATOR, dtype=torch.float64) * 2.4 - 1.2

OPERATIONS = {
    "conv1d": (
        lambda x, w, b: functional.conv1d(x, w, b, stride=2, padding=2, dilation=2), (LINE, normal(3, 2, 2), normal(3))
    ),
    "conv2d with groups": (
        lambda x, w: functional.conv2d(x, w, stride=(1, 2), padding=(1, 0), groups=2), (IMAGE, normal(4, 1, 2, 3))
    ),
    "conv3d": (lambda x, w: functional.conv3d(x, w, padding="same"), (VOLUME, normal(1, 1, 3, 1, 3))),
    "transposed conv1d": (
        lambda x, w, b: functional.conv_transpose1d(x, w, b, stride=2, padding=1, output_padding=1, groups=2),
        (LINE, normal(2, 2, 3), normal(4)),
    ),
    "transposed conv2d": (
        lambda x, w: functional.conv_transpose2d(x, w, stride=(2, 1), dilation=(1, 2)), (IMAGE, normal(2, 1, 2, 2))
    ),
    "unfold and fold": (
        lambda x: functional.fold(functional.unfold(x, 2, dilation=2, padding=1, stride=1) ** 2, (4, 5), 2, 2, 1),
        (IMAGE,),
    ),
    "max pooling": (
        lambda x, y, z: (
            functional.max_pool1d(x, 3, 2, 1), functional.max_pool2d(y, 2, 1, 1, 2), functional.max_pool3d(z, 2),
            functional.adaptive_max_pool2d(y, (2, 3)), functional.max_pool2d(y, 2, 2, ceil_mode=True),
        ), (LINE, IMAGE, VOLUME),
    ),
    "max pooling with ties": (lambda x: functional.max_pool1d(x, 3, 2, 1) * torch.arange(1.0, 4.0), (TIED,)),
    "max unpooling": (
        lambda x: functional.max_unpool2d(*functional.max_pool2d(x, 2, return_indices=True), 2, output_size=(4, 5)),
        (IMAGE,),
    ),
    "average pooling": (
        lambda x, y, z: (
            functional.avg_pool1d(x, 3, 2, 1, count_include_pad=False), functional.avg_pool2d(y, 3, 2, 1, True),
            functional.avg_pool2d(y, 2, divisor_override=3), functional.adaptive_avg_pool2d(y, (3, 2)),
            functional.avg_pool3d(z, 2), functional.lp_pool1d(x, 2, 2),
        ), (LINE, IMAGE, VOLUME),
    ),
    "pads": (
        lambda x, y: [functional.pad(x, (2, 1), mode) for mode in ("reflect", "replicate", "circular")]
        + [functional.pad(y, (1, -1, 0, 2), value=0.5), functional.pad(y, (1, 0, 2, 1), "reflect")],
        (LINE, IMAGE),
    ),
    "nearest and area": (
        lambda x, y: (
            functional.interpolate(y, (7, 3)), functional.interpolate(y, scale_factor=(0.6, 1.7), mode="nearest-exact"),
            functional.interpolate(x, 3, mode="area"), functional.interpolate(x, 7, mode="nearest"),
        ), (LINE, IMAGE),
    ),
    "linear": (
        lambda x, y: (
            functional.interpolate(x, 7, mode="linear"),
            functional.interpolate(x, 3, mode="linear", align_corners=True),
            functional.interpolate(y, scale_factor=1.5, mode="bilinear"),
        ), (LINE, IMAGE),
    ),
    "trilinear": (lambda z: functional.interpolate(z, (2, 4, 3), mode="trilinear"), (VOLUME,)),
    "bicubic": (
        lambda y: (functional.interpolate(y, (3, 7), mode="bicubic", align_corners=True),
                   functional.interpolate(y, (6, 4), mode="bicubic")), (IMAGE,),
    ),
    "grid sampling": (
        lambda y, g: (
            functional.grid_sample(y, g, align_corners=False),
            functional.grid_sample(y, g, padding_mode="reflection", align_corners=True),
            functional.grid_sample(y, g, "nearest", "border", align_corners=False),
        ), (IMAGE, GRID),
    ),
    "bicubic grid sampling": (
        lambda y, g: functional.grid_sample(y, g, "bicubic", "border", align_corners=False),
        (IMAGE[:, :1], GRID[:, :, :2]),
    ),
    "grid sampling of volumes": (
        lambda z, g: functional.grid_sample(z, g, padding_mode="reflection", align_corners=False), (VOLUME, POINTS)
    ),
    "affine grid": (
        lambda t: (functional.affine_grid(t, [1, 1, 2, 3], align_corners=False),
                   functional.affine_grid(t, [1, 1, 3, 2], align_corners=True)), (normal(1, 2, 3),),
    ),
    "shuffles": (
        lambda x, y: (
            functional.pixel_shuffle(x, 2), functional.pixel_unshuffle(x, 2), functional.channel_shuffle(x, 2)
        ),
        (normal(1, 4, 2, 2), IMAGE),
    ),
}  # fmt: skip


LONG = ("bicubic", "bicubic grid sampling", "grid sampling", "grid sampling of volumes", "pads")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in LONG)) for n in OPERATIONS])
def test_images_agree_with_pytorch(name):
    function, inputs = OPERATIONS[name]
    assert_agreement(cubed(function), inputs, by_torch=name != "affine grid")  # whose backward pass reads addresses


def test_weights_of_an_interpolation_are_exact():
    x = torch.tensor([[[0.0, 3.0, 0.0]]], dtype=torch.float64)
    graph = trace(lambda x: functional.interpolate(x, 7, mode="linear"), (x,))
    (found,) = evaluate(graph, (x,), balls())
    assert [(7 * ball).unique_fmpz() for ball in found.ravel()] == [0, 3, 12, 21, 12, 3, 0]  # 3/7 is not a float
