"""Losses of one operation each: elementwise functions and activations. Operation → level, shapes of inputs, loss."""

from __future__ import annotations

import math

import torch
from torch.nn import functional as F  # noqa: N812 - the usual abbreviation

from tests.bench.verification.one_operation.products import energy

special = torch.special


def positive(x):
    """A number above 1/2."""
    return x * x + 0.5


def within(x):
    """A number between −1 and 1."""
    return x / (1 + x.abs())


def of_one(function, change=None, level="exact"):
    """A loss of one input: the sum of squares of `function` of it, or of the input changed to fit its domain."""
    return (level, "n", lambda x: energy(function(change(x) if change else x)))


def of_two(function, change=None):
    """A loss of two inputs."""
    return ("exact", "n; n", lambda x, y: energy(function(*((change(x), change(y)) if change else (x, y)))))


ELEMENTWISE = {
    "exp": of_one(torch.exp),
    "log": of_one(torch.log, positive),
    "log1p": of_one(torch.log1p, positive),
    "expm1": of_one(torch.expm1),
    "sqrt": of_one(torch.sqrt, positive),
    "rsqrt": of_one(torch.rsqrt, positive),
    "sin": of_one(torch.sin),
    "cos": of_one(torch.cos),
    "tan": of_one(torch.tan),
    "asin": of_one(torch.asin, within),
    "acos": of_one(torch.acos, within),
    "atan": of_one(torch.atan),
    "sinh": of_one(torch.sinh),
    "cosh": of_one(torch.cosh),
    "tanh": of_one(torch.tanh),
    "asinh": of_one(torch.asinh),
    "acosh": of_one(lambda x: torch.acosh(1 + x), positive),
    "atanh": of_one(torch.atanh, within),
    "erf": of_one(torch.erf, level="agrees"),
    "erfc": of_one(torch.erfc, level="agrees"),
    "erfinv": of_one(torch.erfinv, within, level="agrees"),
    "erfcx": of_one(special.erfcx, level="agrees"),
    "ndtr": of_one(special.ndtr, level="agrees"),
    "log_ndtr": of_one(special.log_ndtr, level="agrees"),
    "ndtri": of_one(lambda x: special.ndtri((x + 1) / 2), within, level="agrees"),
    "sigmoid": of_one(torch.sigmoid),
    "logit": of_one(lambda x: torch.logit((x + 1) / 2), within),
    "lgamma": of_one(torch.lgamma, positive),
    "digamma": of_one(torch.digamma, positive, level="wrong"),  # PyTorch's values are off by 3e-10
    "polygamma": of_one(lambda x: torch.polygamma(1, x), positive, level="wrong"),  # PyTorch's values are off by 3e-10
    "mvlgamma": of_one(lambda x: torch.mvlgamma(x + 1, 2), positive),
    "exp2": of_one(torch.exp2, level="agrees"),
    "log2": of_one(torch.log2, positive, level="agrees"),
    "log10": of_one(torch.log10, positive, level="agrees"),
    "reciprocal": of_one(torch.reciprocal, positive),
    "square": ("proved", "n", lambda x: energy(torch.square(x))),
    "pow, integer": ("proved", "n", lambda x: energy(x**3)),
    "pow, negative": of_one(lambda x: x**-2, positive),
    "pow, not an integer": of_one(lambda x: x**1.5, positive),
    "pow of tensors": of_two(torch.pow, positive),
    "pow of a number": of_one(lambda x: torch.pow(2.0, x), level="agrees"),
    "float_power": of_one(lambda x: torch.float_power(x, 2.5), positive),
    "div": of_two(torch.div, positive),
    "abs": of_one(lambda x: x.abs() ** 3),
    "neg": ("proved", "n", lambda x: energy(torch.neg(x) + 1)),
    "sign": of_one(lambda x: x * x * torch.sign(x)),
    "sgn": of_one(lambda x: x * x * torch.sgn(x)),
    "round": of_one(lambda x: x + torch.round(x)),
    "floor": of_one(lambda x: x + torch.floor(x)),
    "ceil": of_one(lambda x: x + torch.ceil(x)),
    "trunc": of_one(lambda x: x + torch.trunc(x)),
    "frac": of_one(torch.frac),
    "fmod": of_two(torch.fmod, positive),
    "remainder": of_two(torch.remainder, positive),
    "div, rounded down": of_two(lambda x, y: x + torch.div(x, y, rounding_mode="floor"), positive),
    "clamp": of_one(lambda x: x.clamp(-0.5, 0.5)),
    "clamp from below": of_one(lambda x: x.exp().clamp(min=1.0)),
    "clamp between tensors": (
        "exact",
        "n; n; n",
        lambda x, y, z: energy(torch.clamp(x, torch.minimum(y, z), torch.maximum(y, z))),
    ),
    "atan2": of_two(torch.atan2),
    "hypot": of_two(torch.hypot),
    "logaddexp": of_two(torch.logaddexp),
    "logaddexp2": of_two(torch.logaddexp2),
    "xlogy": of_two(torch.xlogy, positive),
    "xlog1py": of_two(special.xlog1py, positive),
    "entr": of_one(special.entr, positive),
    "sinc": of_one(torch.sinc, level="agrees"),
    "i0": of_one(torch.i0),
    "i0e": of_one(special.i0e),
    "i1": of_one(special.i1),
    "i1e": of_one(special.i1e),
    "copysign": of_two(torch.copysign),
    "lerp": ("proved", "n; n; n", lambda x, y, w: energy(torch.lerp(x, y, w))),
    "addcmul": ("proved", "n; n; n", lambda x, y, z: energy(torch.addcmul(x, y, z, value=2))),
    "addcdiv": ("exact", "n; n; n", lambda x, y, z: energy(torch.addcdiv(x, y, positive(z)))),
    "nan_to_num": of_one(torch.nan_to_num),
    "deg2rad": of_one(torch.deg2rad, level="agrees"),
    "rad2deg": of_one(torch.rad2deg, level="agrees"),
    "ldexp": ("exact", "n", lambda x: energy(torch.ldexp(x, torch.tensor([3])))),
    "zeta": ("exact", "5", lambda x: special.zeta(torch.tensor(3.0, dtype=x.dtype), positive(x)).sum()),
    "softmax": ("exact", "m n", lambda x: torch.softmax(x, 1).pow(2).sum()),
    "log_softmax": ("exact", "m n", lambda x: torch.log_softmax(x, 1).pow(2).sum()),
    "sum of a comparison": ("exact", "n; n", lambda x, y: ((x > y) * x * y).sum()),
    "heaviside": ("exact", "n", lambda x: energy(x * torch.heaviside(x.detach(), torch.zeros_like(x)))),
    "a function of a constant": ("proved", "n", lambda x: energy(x * math.exp(0))),
    "to another dtype and back": ("wrong", "n", lambda x: energy(x.float().double())),
}

ACTIVATIONS = {
    "relu": of_one(F.relu),
    "relu6": of_one(F.relu6),
    "leaky_relu": of_one(F.leaky_relu),
    "elu": of_one(F.elu),
    "selu": of_one(F.selu),
    "celu": of_one(lambda x: F.celu(x, 2.0)),
    "gelu": of_one(F.gelu),
    "gelu, tanh": of_one(lambda x: F.gelu(x, approximate="tanh")),
    "silu": of_one(F.silu),
    "softplus": of_one(F.softplus, level="wrong"),
    "softplus with beta": of_one(lambda x: F.softplus(x, beta=2), level="wrong"),
    "logsigmoid": of_one(F.logsigmoid),
    "hardtanh": of_one(F.hardtanh),
    "hardswish": of_one(F.hardswish),
    "hardsigmoid": of_one(F.hardsigmoid, level="wrong"),
    "hardshrink": of_one(F.hardshrink),
    "softshrink": of_one(F.softshrink),
    "tanhshrink": of_one(F.tanhshrink),
    "softsign": of_one(F.softsign),
    "mish": of_one(F.mish),
    "glu": ("exact", "3 4", lambda x: energy(F.glu(x))),
    "prelu": ("exact", "n; 1", lambda x, a: energy(F.prelu(x, a))),
    "prelu of channels": ("exact", "2 3 4; 3", lambda x, a: energy(F.prelu(x, a))),
    "rrelu outside training": of_one(lambda x: F.rrelu(x)),
    "threshold": of_one(lambda x: F.threshold(x, 0.1, 2.0)),
    "softmin": ("exact", "m n", lambda x: F.softmin(x, 1).pow(2).sum()),
    "maxout": ("exact", "3 4", lambda x: energy(x.reshape(3, 2, 2).max(2).values)),
    "swiglu by hand": ("exact", "3 4", lambda x: energy(F.silu(x[:, :2]) * x[:, 2:])),
    "squared relu": of_one(lambda x: F.relu(x) ** 2),
}
