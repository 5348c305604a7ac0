"""The inputs of a case: the same bits for every method, process, machine and problem that shares an input.

Drawn in float64 on the CPU from a generator seeded by sha256 of (the input's name, its own shape, kind of data, seed),
then rounded to the dtype and shipped to the device. Only operations whose results IEEE 754 fixes shape the values, so
no mathematical library can change a bit; `input_hash` in the row proves it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch

from gradiometer.problems.problem import Problem, ProblemError

Tensors = dict[str, torch.Tensor]


def _generator(*key: Any) -> torch.Generator:
    digest = hashlib.sha256(json.dumps(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """[0, 1): 53 random bits each."""
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Standard normal by the ratio of uniforms (Kinderman & Monahan, ACM TOMS 3, 1977).

    A value is one quotient, correctly rounded everywhere; the logarithm only decides acceptance.
    """
    count = torch.Size(shape).numel()
    width = 2 * (2 / torch.e) ** 0.5
    found = torch.empty(0, dtype=torch.float64)
    while len(found) < count:
        u = 1 - torch.rand(count + 16, generator=generator, dtype=torch.float64)
        v = (torch.rand(count + 16, generator=generator, dtype=torch.float64) - 0.5) * width
        x = v / u
        found = torch.cat([found, x[x * x <= -4 * torch.log(u)]])
    return found[:count].reshape(shape)


DRAWS = {"uniform": _uniform, "normal": _normal}


def draw(problem: Problem, dims: Mapping[str, int], data: str, seed: int) -> Tensors | None:
    """Float64 inputs by name, or None where the problem cannot draw this kind of data. Raises ProblemError."""
    sampled: Mapping[str, torch.Tensor] | None = {}
    if problem.sample is not None:
        shapes = sorted((name, problem.shape_of(name, dims)) for name in problem.shapes)
        sampled = problem.sample(data, dict(dims), _generator("sample", shapes, data, seed))
    if sampled is None:
        return None
    inputs = {}
    for name in problem.shapes:
        shape = problem.shape_of(name, dims)
        if name in sampled:
            tensor = sampled[name]
            if not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.float64 or tensor.shape != shape:
                found = f"{tensor.dtype} {tuple(tensor.shape)}" if isinstance(tensor, torch.Tensor) else type(tensor)
                raise ProblemError(f"sample: {name} is {found}; expected a float64 tensor of shape {shape}")
            inputs[name] = tensor.contiguous()
        elif data in DRAWS:
            inputs[name] = DRAWS[data](shape, _generator(name, shape, data, seed))
        else:
            return None
    return inputs


def rounded(inputs: Mapping[str, torch.Tensor], dtype: torch.dtype) -> Tensors:
    """The inputs rounded to the dtype, to nearest even, on the CPU."""
    return {name: tensor.to(dtype) for name, tensor in inputs.items()}


def bits(tensor: torch.Tensor) -> bytes:
    """A tensor's bytes, of any dtype and device, in row-major order."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """sha256 over names, shapes, dtypes and bits, its first 16 hexadecimal digits."""
    sha = hashlib.sha256()
    for name, tensor in tensors.items():
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        sha.update(bits(tensor))
    return sha.hexdigest()[:16]
