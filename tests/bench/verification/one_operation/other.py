"""Losses of one operation each: transforms, control flow, modules, complex numbers, distributions."""

from __future__ import annotations

import torch
from torch import distributions, fft, func, nn
from torch.utils.checkpoint import checkpoint

from tests.bench.verification.one_operation.indexing import cubes
from tests.bench.verification.one_operation.products import definite, energy

OUTSIDE = nn.Linear(4, 3, dtype=torch.float64)


class Cube(torch.autograd.Function):
    """The cube, with a backward of its own."""

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(context, inputs, output):
        context.save_for_backward(*inputs)

    @staticmethod
    def backward(context, g):
        (x,) = context.saved_tensors
        return 3 * g * x * x


class Scale(nn.Module):
    """A module with one parameter that is made without random numbers."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, dtype=torch.float64))

    def forward(self, x):
        return x * self.weight


def penalty(x, W):
    """The squared gradient of a small network."""
    with torch.enable_grad():
        x = x if x.requires_grad else x.requires_grad_()
        (g,) = torch.autograd.grad(torch.tanh(W @ x).sum(), x, create_graph=True)
    return energy(g)


def stepped(x, steps):
    """Gradient steps of an inner problem."""
    y = torch.zeros_like(x)
    for _ in range(steps):
        y = y - (y - x + y**3) / 8
    return y


def written(x):
    """Writes into a temporary."""
    y = x * 2
    y += x**2
    y.mul_(x)
    y[0] = 3
    return y


def stopped(x):
    """A target without gradient."""
    with torch.no_grad():
        target = x.tanh()
    return energy(x - target)


def branched(x):
    """A branch on the data."""
    return energy(x) if x.sum() > 0 else cubes(x)


TRANSFORMS = {
    "vmap": ("proved", "3 4; 4", lambda X, y: energy(torch.vmap(torch.dot, (0, None))(X, y))),
    "func.grad": ("proved", "n", lambda x: energy(func.grad(cubes)(x))),
    "vmap of grad": ("exact", "3 4", lambda X: energy(torch.vmap(func.grad(lambda x: x.exp().sum()))(X))),
    "hessian": ("exact", "3", lambda x: energy(func.hessian(lambda y: y.exp().prod())(x))),
    "jacrev": ("proved", "3", lambda x: energy(func.jacrev(lambda y: y**3)(x))),
    "jacfwd": ("proved", "3", lambda x: energy(func.jacfwd(lambda y: y**3)(x))),
    "jvp": ("exact", "n; n", lambda x, t: energy(func.jvp(torch.sin, (x,), (t,))[1])),
    "vjp": ("exact", "n; n", lambda x, g: energy(func.vjp(torch.sin, x)[1](g)[0])),
    "gradient penalty": ("exact", "4; 3 4", penalty),
    "autograd.Function": ("proved", "n", lambda x: energy(Cube.apply(x))),
    "checkpoint": ("exact", "n", lambda x: energy(checkpoint(torch.exp, x, use_reentrant=False))),
    "torch.compile": ("exact", "n", lambda x: energy(torch.compile(torch.exp)(x))),
    "a loop": ("proved", "3", lambda x: energy(stepped(x, 3))),
    "a loop over rows": ("proved", "3 4", lambda x: sum((row * row).sum() for row in x)),
    "in-place temporaries": ("agrees_float64", "5", lambda x: energy(written(x))),
    "no_grad": ("exact", "n", stopped),
    "detach": ("exact", "n", lambda x: energy(x * x.exp().detach())),
    "a branch on the data": ("exact", "5", branched),
    "item": ("agrees_float64", "5", lambda x: energy(x) * float(x.detach().sum())),
    "a list comprehension": ("proved", "4", lambda x: torch.stack([x[i] * x[3 - i] for i in range(4)]).pow(2).sum()),
    "functional_call": (
        "exact",
        "2 4; 3 4; 3",
        lambda x, W, b: energy(func.functional_call(OUTSIDE, {"weight": W, "bias": b}, (x,))),
    ),
    "a module from outside": ("exact", "2 4", lambda x: energy(OUTSIDE(x))),
    "a module made inside": ("proved", "2 4", lambda x: energy(Scale()(x))),
    "a module with its parameters as inputs": (
        "proved",
        "2 4; 4",
        lambda x, w: energy(func.functional_call(Scale(), {"weight": w}, (x,))),
    ),
}

COMPLEX = {
    "complex": ("exact", "n; n", lambda x, y: torch.complex(x, y).square().real.sum()),
    "view_as_complex": ("exact", "5 2", lambda x: torch.view_as_complex(x).pow(2).imag.sum()),
    "abs of complex": ("exact", "n; n", lambda x, y: torch.complex(x, y).abs().sum()),
    "angle": ("exact", "5; 5", lambda x, y: torch.complex(x, y).angle().pow(2).sum()),
    "conj": ("exact", "n; n", lambda x, y: (torch.complex(x, y) * torch.complex(y, x).conj()).imag.pow(2).sum()),
    "exp of complex": ("exact", "n; n", lambda x, y: torch.complex(x, y).exp().real.sum()),
    "polar": ("exact", "n; n", lambda r, t: torch.polar(r.abs(), t).real.pow(2).sum()),
    "complex matmul": (
        "exact",
        "3 3; 3 3",
        lambda A, B: (torch.complex(A, B) @ torch.complex(B, A)).real.pow(2).sum(),
    ),
    "fft": ("exact", "8; 8", lambda x, y: (fft.fft(x).abs() * y).sum()),
    "rfft": ("exact", "7", lambda x: fft.rfft(x).real.pow(3).sum()),
    "irfft": ("exact", "5; 5", lambda x, y: fft.irfft(torch.complex(x, y)).pow(3).sum()),
    "fft2": ("exact", "3 4", lambda x: fft.fft2(x).imag.pow(2).sum()),
    "convolution by fft": ("exact", "8; 8", lambda x, y: fft.irfft(fft.rfft(x) * fft.rfft(y), 8).pow(2).sum()),
    "dct by fft": ("exact", "8", lambda x: fft.rfft(torch.cat([x, x.flip(0)])).real.pow(2).sum()),
}

DISTRIBUTIONS = {
    "Normal": ("exact", "n; n; n", lambda x, m, s: -distributions.Normal(m, s.exp()).log_prob(x).sum()),
    "MultivariateNormal": (
        "exact",
        "3; 3; 3 3",
        lambda x, m, A: -distributions.MultivariateNormal(m, definite(A)).log_prob(x),
    ),
    "Categorical": (
        "exact",
        "4 3",
        lambda x: -distributions.Categorical(logits=x).log_prob(torch.tensor([2, 0, 1, 1])).sum(),
    ),
    "Bernoulli": (
        "exact",
        "3",
        lambda x: -distributions.Bernoulli(logits=x).log_prob(torch.tensor([1.0, 0.0, 1.0])).sum(),
    ),
    "Laplace": ("exact", "n; n; n", lambda x, m, s: -distributions.Laplace(m, s.exp()).log_prob(x).sum()),
    "Gamma": ("exact", "3; 3; 3", lambda x, a, b: -distributions.Gamma(a.exp(), b.exp()).log_prob(x.exp()).sum()),
    "Beta": ("exact", "3; 3; 3", lambda x, a, b: -distributions.Beta(a.exp(), b.exp()).log_prob(x.sigmoid()).sum()),
    "Dirichlet": ("exact", "3; 3", lambda x, a: -distributions.Dirichlet(a.exp()).log_prob(x.softmax(0))),
    "StudentT": ("exact", "3; 3", lambda x, m: -distributions.StudentT(3.0, m).log_prob(x).sum()),
    "Poisson": ("exact", "3", lambda x: -distributions.Poisson(x.exp()).log_prob(torch.tensor([0.0, 2.0, 5.0])).sum()),
    "entropy": ("exact", "4 3", lambda x: distributions.Categorical(logits=x).entropy().sum()),
    "kl_divergence": (
        "exact",
        "3; 3; 3",
        lambda m, s, n: distributions.kl_divergence(
            distributions.Normal(m, s.exp()), distributions.Normal(n, torch.ones_like(n))
        ).sum(),
    ),
}
