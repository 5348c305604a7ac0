"""Complex numbers and Fourier transforms in balls, and their derivatives, agree with PyTorch's convention."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from flint import acb, ctx

from gradiometer.errors import GradiometerError
from gradiometer.graph.arithmetic.balls import balls
from gradiometer.graph.arithmetic.enclosure import in_limbs
from gradiometer.graph.arithmetic.limbs import RangeError
from gradiometer.graph.arithmetic.magnitudes import as_real, values_and_terms
from gradiometer.graph.arithmetic.polynomials import polynomial
from gradiometer.graph.derivative.adjoint import derivative
from gradiometer.graph.evaluate import evaluate
from gradiometer.graph.trace import UnknownOperationError, trace
from tests.bench.graph.operations.agreement import assert_agreement

GENERATOR = torch.Generator().manual_seed(2)


def normal(*shape, dtype=torch.float64):
    return torch.randn(*shape, generator=GENERATOR, dtype=dtype)


X, Y = normal(3, 4), normal(3, 4)
Z, W = normal(3, 4, dtype=torch.complex128), normal(3, 4, dtype=torch.complex128)
CUBE = normal(2, 3, 4, dtype=torch.complex128)


def mixed(x):
    """A sum in which every real and imaginary part has its own weight."""
    parts = torch.view_as_real(x) if x.is_complex() else x
    return (parts * torch.cos(torch.arange(parts.numel(), dtype=parts.dtype)).reshape(parts.shape)).sum()


HOLOMORPHIC = (
    "exp", "log", "sqrt", "sin", "cos", "sinh", "cosh", "tanh", "square", "reciprocal", "rsqrt", "sigmoid", "neg",
)  # fmt: skip
TRANSFORMS = {
    "fft": (Z, X), "ifft": (Z, X), "fft2": (Z,), "ifft2": (Z,), "fftn": (Z, CUBE), "ifftn": (CUBE,), "rfft": (X,),
    "irfft": (Z,), "rfft2": (X,), "irfft2": (Z,), "rfftn": (X,), "irfftn": (CUBE,), "hfft": (Z,), "ihfft": (X,),
    "fftshift": (Z,), "ifftshift": (X,),
}  # fmt: skip
LOSSES = {
    "|x + iy|": (lambda x, y: torch.complex(x, y).abs().sum(), X, Y),
    "angle": (lambda x: (torch.view_as_complex(x).angle() ** 2).sum(), normal(3, 2)),
    "angle, real": (lambda x: (x.angle() * x).sum(), X),
    "polar": (lambda x, y: mixed(torch.polar(x.abs(), y)), X, Y),
    "view_as_real": (lambda z: mixed(torch.view_as_real(z) ** 2), Z),
    "real, imag": (lambda z: mixed(z.real**2) + mixed(z.imag.exp()), Z),
    "conj": (lambda z: mixed(z.conj() * z * z) + mixed(z.conj().imag**2) + mixed(torch.conj_physical(z) ** 2), Z),
    "resolve_conj": (lambda z: mixed(z.conj().resolve_conj() ** 2) + mixed(z.mH @ z), Z),
    "sgn": (lambda z: mixed(z.sgn()), Z),
    "abs": (lambda z: mixed(z.abs()) + z.abs().pow(3).sum(), Z),
    "arithmetic": (lambda z, w: mixed(z * w - 2 * z / w + 3 - 1j * w), Z, W),
    "real and complex": (lambda x, z: mixed(x * z + x / z - z) + mixed(torch.cat([x, z])), X, Z),
    "imaginary constant": (lambda x: mixed(torch.exp(1j * x)) + mixed(x * torch.tensor(0.5 + 2j)), X),
    "cast": (lambda x: mixed(x.to(torch.complex128).sqrt()), X),
    "powers": (lambda z, w: mixed(z**3) + mixed(z**2.5) + mixed(z**w) + mixed(z**-1), Z, W),
    "products": (lambda z, w: mixed(z @ w.T) + mixed(torch.einsum("ij,kj->ik", z, w.conj())), Z, W),
    "vdot": (lambda z, w: mixed(torch.vdot(z[0], w[0])) + mixed(torch.dot(z[0], w[1])), Z, W),
    "reductions": (lambda z: mixed(z.mean(0)) + z.var() + z.std(0).sum() + z.norm() + mixed(z.cumsum(1)), Z),
    "selection": (lambda z, x: mixed(torch.where(x > 0, z, 0)) + mixed(z[[0, 0, 1]] ** 2) + mixed(z.tril()), Z, X),
    "Born rule": (lambda z: ((z.abs() ** 2) / (z.abs() ** 2).sum() * X).sum(), Z),
    "unitary": (lambda z: (z.mH @ z - torch.eye(4)).abs().pow(2).sum(), Z),
    **{name: (lambda z, name=name: mixed(getattr(torch, name)(z)), Z) for name in HOLOMORPHIC},
    **{
        f"{name} {i}": (lambda x, name=name: mixed(getattr(torch.fft, name)(x) ** 2), x)
        for name, inputs in TRANSFORMS.items()
        for i, x in enumerate(inputs)
    },
    **{
        f"{name}, {norm}": (lambda x, name=name, norm=norm: mixed(getattr(torch.fft, name)(x, norm=norm)), x)
        for name, x in (("fft", Z), ("ifft", Z), ("rfft2", X), ("irfft2", Z))
        for norm in ("forward", "ortho")
    },
    "fft, lengths": (
        lambda z, x: mixed(torch.fft.fft(z, n=6, dim=0)) + mixed(torch.fft.fft(z, n=3)) + mixed(torch.fft.rfft(x, n=5))
        + mixed(torch.fft.irfft(z, n=5)) + mixed(torch.fft.irfft(z, n=9, dim=0)), Z, X,
    ),
    "power spectrum": (lambda x: (torch.fft.rfft(x).abs() ** 2).log().sum(), X),
    "convolution by fft": (lambda x, y: mixed(torch.fft.irfft(torch.fft.rfft(x) * torch.fft.rfft(y), n=4)), X, Y),
    "stft": (
        lambda x: torch.stft(x, 4, 2, window=torch.hann_window(4, dtype=x.dtype), center=False, return_complex=True)
        .abs().pow(2).sum(), normal(10),
    ),
}  # fmt: skip


FAST = ("|x + iy|", "angle", "conj", "sgn", "real and complex", "irfftn 0", "rfft2, ortho")
"""The losses that run by default; the others are marked slow."""


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in LOSSES]
)
def test_a_complex_function_is_differentiated_as_in_pytorch(name):
    loss, *inputs = LOSSES[name]
    assert_agreement(loss, inputs)


def test_the_gradient_of_a_modulus_is_its_direction():
    z = torch.tensor([3 + 4j, -2j, 0], dtype=torch.complex128)
    (gradient,) = evaluate(derivative(trace(lambda z: z.abs().sum(), (z,)), (z,), [0]), (z,), balls())
    expected = [acb(3, 4) / 5, acb(0, -1), acb(0)]
    assert all((ball - direction).contains(0) for ball, direction in zip(gradient, expected, strict=True))


def test_roots_of_unity_are_exact():
    x = torch.eye(3, dtype=torch.float64)[1]
    with ctx.workprec(300):
        (found,) = evaluate(trace(torch.fft.fft, (x,)), (x,), balls())
        assert all((ball**3 - 1).contains(0) and ball.real.rad() < 1e-80 for ball in found)


def test_a_complex_loss_is_refused():
    with pytest.raises(GradiometerError, match="complex"):
        derivative(trace(lambda z: z.sum(), (Z,)), (Z,), [0])


def test_engines_of_real_numbers_refuse_complex_ones():
    graph = trace(lambda z: (z * z).real.sum(), (Z,))
    with pytest.raises((RangeError, UnknownOperationError)):
        in_limbs(graph, (Z,))
    assert polynomial(trace(lambda x: (x * (1 + 2j)).real.sum(), (X,)), [X.shape]) is None


def test_a_complex_value_and_its_terms_are_seen_as_two_parts():
    (found,) = map(as_real, values_and_terms(trace(lambda z: z * z, (Z,)), (Z,)))
    assert np.allclose(found.value, torch.view_as_real(Z * Z))
    assert (found.terms >= np.abs(found.value)).all()
