"""Draws the inputs of a case: the same bits for every method, process, machine and problem that shares an input.

Inputs are drawn in float64 on the CPU from a generator seeded by sha256 of (name, shape, kind of data, seed and, where
there is one, declared kind), then rounded to the dtype and copied to the device. Only operations whose results IEEE 754
fixes form the values, so no mathematical library can change a bit. The column `input_hash` proves it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import torch

from gradiometer.problems import kinds
from gradiometer.problems.draws import DRAWS, seeded
from gradiometer.problems.problem import Problem, ProblemError, has_derivative

Tensors = dict[str, torch.Tensor]

SAMPLED = (torch.float64, torch.int64, torch.bool, torch.complex128)
"""Dtypes that a problem's own sampler may return."""
COMPLEX = {torch.float64: torch.complex128, torch.float32: torch.complex64}
"""Real dtype of a case → dtype of its complex inputs. The half types have none."""


def draw(problem: Problem, dims: Mapping[str, int], data: str, seed: int) -> Tensors | None:
    """Inputs by name, or None where the problem does not have this kind of data, or not at these dimensions.

    Numbers are float64 or complex128, labels int64, masks bool. Raises ProblemError where `sample` returns anything
    but tensors of these dtypes, of the problem's shapes and kinds.
    """
    if data not in DRAWS and data not in problem.data:
        return None
    sampled = _sampled(problem, dims, data, seed)
    if sampled is None:
        return None
    inputs = {}
    for name in problem.shapes:
        shape = problem.shape_of(name, dims)
        declaration = problem.kinds.get(name)
        if name in sampled:
            inputs[name] = _checked(problem, name, sampled[name], shape, dims)
        elif data not in DRAWS:
            raise ProblemError(f"sample returns no {name} for {data} data; return every input, or None")
        elif declaration is None:
            inputs[name] = DRAWS[data](shape, seeded(name, shape, data, seed))
        else:
            kind = kinds.declared(declaration, dims)
            generator = seeded(name, shape, data, seed, declaration)
            inputs[name] = kind.kind.draw(shape, data, generator, *kind.arguments)
    return inputs


def _sampled(problem: Problem, dims: Mapping[str, int], data: str, seed: int) -> Mapping[str, torch.Tensor] | None:
    """What the problem's own sampler returns; an empty mapping without one."""
    if problem.sample is None:
        return {}
    shapes = sorted((name, problem.shape_of(name, dims)) for name in problem.shapes)
    sampled = problem.sample(data, dict(dims), seeded("sample", shapes, data, seed))
    if sampled is None:
        return None
    if not isinstance(sampled, Mapping):
        raise ProblemError(f"sample returns {type(sampled).__name__}; expected tensors by name, or None")
    unknown = sorted(map(str, set(sampled) - set(problem.shapes)))
    if unknown:
        known = ", ".join(problem.shapes)
        raise ProblemError(f"sample returns {', '.join(unknown)}; the inputs are {known}; return only these")
    return sampled


def _checked(
    problem: Problem, name: str, tensor: object, shape: tuple[int, ...], dims: Mapping[str, int]
) -> torch.Tensor:
    """A sampled input. Raises ProblemError where its dtype, its shape or its declared kind does not fit."""
    declaration = problem.kinds.get(name)
    is_tensor = isinstance(tensor, torch.Tensor)
    found = f"{tensor.dtype} {tuple(tensor.shape)}" if isinstance(tensor, torch.Tensor) else type(tensor).__name__
    kind = None if declaration is None else kinds.declared(declaration, dims)
    dtypes = SAMPLED if kind is None else (kind.kind.dtype,)
    if not isinstance(tensor, torch.Tensor) or tensor.dtype not in dtypes or tensor.shape != shape:
        is_unusual = is_tensor and kind is None and tensor.shape == shape  # type: ignore[attr-defined]
        what = "float64, int64, bool or complex128" if is_unusual else str(dtypes[0]).removeprefix("torch.")
        raise ProblemError(f"sample: {name} is {found}; expected a {what} tensor of shape {shape}")
    if not has_derivative(tensor.dtype) and any(name in names for names in problem.wrts.values()):
        raise ProblemError(f"sample: {name} is {tensor.dtype}; only float64 and complex128 have a derivative")
    if kind is not None and not kind.kind.holds(tensor, *kind.arguments):
        raise ProblemError(f"sample: {name} is declared as {declaration}, and what sample returns is not")
    return tensor.contiguous()


def integer_draws(problem: Problem, dims: Mapping[str, int], generator: torch.Generator, bound: int) -> Tensors | None:
    """Random whole numbers of size up to `bound` as inputs; None where a constraint excludes them.

    Labels, masks and one-hot inputs are drawn as always, declared or by `sample`. Whole numbers meet a declared
    constraint where it is an equation; a polynomial that is 0 in an open set is 0 everywhere, so inequalities may be
    left. Raises what `sample` raises.
    """
    sampled = _sampled(problem, dims, "uniform", 0)
    if sampled is None or any(has_derivative(tensor.dtype) for tensor in sampled.values()):
        return None
    if sampled:  # another draw for every call
        sampled = problem.sample("uniform", dict(dims), generator) or {}  # type: ignore[misc]
    inputs = {}
    for name in problem.shapes:
        shape = problem.shape_of(name, dims)
        declaration = problem.kinds.get(name)
        kind = None if declaration is None else kinds.declared(declaration, dims)
        if name in sampled:
            inputs[name] = _checked(problem, name, sampled[name], shape, dims)
        elif kind is None:
            inputs[name] = torch.randint(-bound, bound, shape, generator=generator).double()
        elif kind.kind.keeps:
            inputs[name] = kind.kind.draw(shape, "uniform", generator, *kind.arguments)
        elif kind.kind.integers is None:
            return None
        else:
            inputs[name] = kind.kind.integers(shape, generator, bound)
    return inputs


def rounded(inputs: Mapping[str, torch.Tensor], dtype: torch.dtype) -> Tensors:
    """The inputs rounded to nearest even in the dtype, on the CPU; labels and masks as they are.

    Complex inputs become complex64 or complex128. Raises ProblemError for complex inputs in a half type.
    """
    return {name: _rounded(name, tensor, dtype) for name, tensor in inputs.items()}


def in_float64(tensor: torch.Tensor) -> torch.Tensor:
    """Real numbers as float64, complex ones as complex128; labels and masks as they are."""
    if not has_derivative(tensor.dtype):
        return tensor
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


def _rounded(name: str, tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    if not has_derivative(tensor.dtype):
        return tensor.clone()
    if tensor.is_complex():
        if dtype not in COMPLEX:
            raise ProblemError(f"input {name} is complex, and PyTorch has no complex {dtype}; use float32 or float64")
        return tensor.to(COMPLEX[dtype])
    return tensor.to(dtype)


def bits(tensor: torch.Tensor) -> bytes:
    """Bytes of a tensor of any dtype and device, in row-major order."""
    return (
        tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    )


def digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """First 16 hexadecimal digits of the sha256 of names, dtypes, shapes and bits."""
    sha = hashlib.sha256()
    for name, tensor in tensors.items():
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        sha.update(bits(tensor))
    return sha.hexdigest()[:16]
