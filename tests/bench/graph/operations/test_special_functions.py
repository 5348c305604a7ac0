"""Special functions, activations, losses, norms, distances and recurrent cells agree with PyTorch, kinks included."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from tests.bench.graph.operations.agreement import assert_agreement

S = torch.special
GENERATOR = torch.Generator().manual_seed(1)


def normal(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


X, Y = normal(2, 3), normal(2, 3)
P, Q = torch.rand(2, 2, 3, generator=GENERATOR, dtype=torch.float64).mul(0.8).add(0.1)
ABOVE = P + 1.5
KINKS = torch.tensor([-3.0, 3.0, 0.0, 6.0], dtype=torch.float64)
WEIGHTS = torch.arange(1, 100, dtype=torch.float64)
LABELS = torch.tensor([2, 0])
SIGNS = torch.tensor([1.0, -1.0], dtype=torch.float64)
IMAGE = normal(1, 2, 2, 2)
ATTENTION = tuple(normal(1, 2, 3, 2) for _ in range(3))
CELL = nn.LSTMCell(3, 1).double().requires_grad_(False)
LISTED = torch.tensor([[2, -1, 0], [0, 1, -1]])

FUNCTIONS = {
    "circle": (lambda x: torch.tan(x) + x.asin() * x.acos() + x.atanh() + torch.logit(x), (P,)),
    "hyperbola": (lambda x: x.asinh() + (x + 3).acosh() + torch.sinc(x), (X.abs(),)),
    "sinc at 0": (torch.sinc, (KINKS,)),
    "logarithms": (lambda x: x.log2() + x.log10() + x.exp2() + torch.deg2rad(x) + torch.rad2deg(x), (P,)),
    "two operands": (lambda x, y: torch.atan2(x, y) + torch.hypot(x, y) + torch.logaddexp(x, y), (X, Y)),
    "logaddexp2": (torch.logaddexp2, (X, Y)),
    "xlogy": (lambda x, y: torch.xlogy(x, y) + S.xlog1py(x, y) + S.entr(y), (X, P)),
    "xlogy at 0": (torch.xlogy, (0 * X, P)),
    "error functions": (lambda x: torch.erfc(x) + S.erfcx(x) + S.log_ndtr(x) + S.ndtr(x), (X,)),
    "inverse error functions": (lambda x: torch.erfinv(x) + S.ndtri(x), (P,)),
    "gamma": (lambda x: torch.lgamma(x) + torch.mvlgamma(x, 2) + torch.polygamma(2, x), (ABOVE,)),
    "gamma of negative numbers": (torch.lgamma, (X,)),
    "zeta": (lambda x: S.zeta(2.5, x), (P,)),
    "bessel": (lambda x: torch.i0(x) + S.i0e(x) + S.i1(x) + S.i1e(x), (X,)),
    "remainders": (lambda x, y: torch.fmod(x, y) + torch.remainder(x, y) + x.frac() + x % 0.7, (X, P)),
    "quotients": (lambda x, y: x * torch.div(x, y, rounding_mode="floor") + y * torch.div(x, y, rounding_mode="trunc"),
                  (X, P)),
    "signs": (lambda x, y: torch.copysign(x, y) + torch.nan_to_num(x) * x.sgn(), (X, Y)),
    "ties": (lambda x, y: torch.fmax(x, y) + 2 * torch.fmin(x, y) + torch.maximum(x, y), (X, X.clone())),
    "clamp between tensors": (torch.clamp, (X, Y, 0 * X)),
    "clamp with one bound": (lambda x: x.exp().clamp(min=0.9) + x.exp().clamp(max=0.5), (X,)),
    "activations": (lambda x: functional.mish(x) + functional.celu(x) + functional.softsign(x)
                    + functional.tanhshrink(x) + functional.rrelu(x), (X,)),
    "gelu": (lambda x: functional.gelu(x) + functional.gelu(x, approximate="tanh"), (X,)),
    "glu and prelu": (lambda x, a: functional.glu(x, 0) + functional.prelu(x, a)[0], (X, P[0])),
    "kinks": (lambda x: functional.hardswish(x) + functional.relu6(x) + functional.softshrink(x, 3.0)
              + functional.hardshrink(x, 3.0) + functional.celu(x), (KINKS,)),
    "softplus with a low threshold": (lambda x: functional.softplus(x, 2, 1.5), (X,)),
    "cross entropy": (lambda x: functional.cross_entropy(x, LABELS, weight=P[0], label_smoothing=0.1), (X,)),
    "margins": (lambda x: functional.multi_margin_loss(x, LABELS, p=2, weight=P[0])
                + functional.multilabel_margin_loss(x, LISTED), (X,)),
    "margins of pairs": (lambda x, y: functional.cosine_embedding_loss(x, y, SIGNS, margin=0.1)
                         + functional.triplet_margin_loss(x, y, x * y), (X, Y)),
    "soft margin": (lambda x: functional.soft_margin_loss(x, Y.sign()), (X,)),
    "nll of images": (lambda x: functional.nll_loss(x, torch.tensor([[[1, 0], [1, -100]]])), (IMAGE,)),
    "ctc": (lambda x: functional.ctc_loss(x.log_softmax(2), torch.tensor([[1, 1]]), (3,), (2,), reduction="sum"),
            (normal(3, 1, 3),)),
    "batch norm": (lambda x, g, b: functional.batch_norm(x, None, None, g, b, training=True), (normal(3, 2), P[0, :2],
                                                                                              X[0, :2])),
    "batch norm with given statistics": (lambda x: functional.batch_norm(x, X[0], P[0]), (Y,)),
    "group norm": (lambda x, g, b: functional.group_norm(x, 1, g, b), (IMAGE, P[0, :2], X[0, :2])),
    "instance norm": (functional.instance_norm, (IMAGE,)),
    "rms norm": (lambda x, g: functional.rms_norm(x, (3,), g), (X, P[0])),
    "similarity": (lambda x, y: functional.cosine_similarity(x, y) + functional.pairwise_distance(x, y, 3.0), (X, Y)),
    "cdist": (lambda x, y: torch.cdist(x, y) + torch.cdist(x, y, 1.5) + torch.cdist(x, y, float("inf")), (X, Y)),
    "cdist of equal rows": (lambda x, y: torch.cdist(x, y), (X, X[:1].clone())),
    "pdist": (functional.pdist, (normal(3, 2),)),
    "attention": (lambda q, k, v: functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3),
                  ATTENTION),
    "bilinear": (functional.bilinear, (X, Y, normal(2, 3, 3), normal(2))),
    "LSTM cell": (lambda x, h, c: torch.cat(CELL(x, (h, c))), (X, normal(2, 1), normal(2, 1))),
}  # fmt: skip


FAST = {
    "sinc at 0", "two operands", "xlogy at 0", "inverse error functions", "gamma of negative numbers", "ties",
    "clamp between tensors", "clamp with one bound", "kinks", "softplus with a low threshold", "margins",
    "cdist of equal rows",
}  # fmt: skip
"""What runs by default: mostly kinks, ties and zeros, where a rule is easily wrong."""


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in FUNCTIONS]
)
def test_a_function_is_evaluated_and_differentiated_as_in_pytorch(name):
    function, inputs = FUNCTIONS[name]

    def loss(*x):
        y = function(*x)
        return (y * WEIGHTS[: y.numel()].reshape(y.shape)).sum()

    assert_agreement(loss, inputs, tolerance=1e-10)
