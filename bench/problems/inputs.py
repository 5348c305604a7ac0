"""Draws the inputs of a case: the same bits for every method, process, machine and problem that shares an input.

Inputs are drawn in float64 on the CPU from a generator seeded by sha256 of (name, shape, kind of data, seed), then
rounded to the dtype and copied to the device. Only operations whose results IEEE 754 fixes form the values, so no
mathematical library can change a bit. The column `input_hash` proves it.
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
    """Uniform in [0, 1), 53 random bits."""
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> torch.Tensor:
    """Standard normal by the ratio of uniforms (Kinderman & Monahan, ACM TOMS 3, 1977).

    A value is one correctly rounded quotient; the logarithm only decides whether it is accepted.
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
"""The generic kinds of data. A problem's own kinds come from its `sample`."""


def draw(problem: Problem, dims: Mapping[str, int], data: str, seed: int) -> Tensors | None:
    """Float64 inputs by name, or None where the problem does not have this kind of data, or not at these dimensions.

    Raises ProblemError where `sample` returns anything but float64 tensors of the problem's shapes.
    """
    if data not in DRAWS and data not in problem.data:
        return None
    sampled: Mapping[str, torch.Tensor] | None = {}
    if problem.sample is not None:
        shapes = sorted((name, problem.shape_of(name, dims)) for name in problem.shapes)
        sampled = problem.sample(data, dict(dims), _generator("sample", shapes, data, seed))
    if sampled is None:
        return None
    if not isinstance(sampled, Mapping):
        raise ProblemError(f"sample returns {type(sampled).__name__}; expected float64 tensors by name, or None")
    unknown = sorted(map(str, set(sampled) - set(problem.shapes)))
    if unknown:
        known = ", ".join(problem.shapes)
        raise ProblemError(f"sample returns {', '.join(unknown)}; the inputs are {known}; return only these")
    inputs = {}
    for name in problem.shapes:
        shape = problem.shape_of(name, dims)
        if name in sampled:
            tensor = sampled[name]
            if not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.float64 or tensor.shape != shape:
                is_tensor = isinstance(tensor, torch.Tensor)
                found = f"{tensor.dtype} {tuple(tensor.shape)}" if is_tensor else type(tensor).__name__
                raise ProblemError(f"sample: {name} is {found}; expected a float64 tensor of shape {shape}")
            inputs[name] = tensor.contiguous()
        elif data in DRAWS:
            inputs[name] = DRAWS[data](shape, _generator(name, shape, data, seed))
        else:
            raise ProblemError(f"sample returns no {name} for {data} data; return every input, or None")
    return inputs


def rounded(inputs: Mapping[str, torch.Tensor], dtype: torch.dtype) -> Tensors:
    """The inputs rounded to nearest even in the dtype, on the CPU."""
    return {name: tensor.to(dtype) for name, tensor in inputs.items()}


def bits(tensor: torch.Tensor) -> bytes:
    """Bytes of a tensor of any dtype and device, in row-major order."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """First 16 hexadecimal digits of the sha256 of names, dtypes, shapes and bits."""
    sha = hashlib.sha256()
    for name, tensor in tensors.items():
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        sha.update(bits(tensor))
    return sha.hexdigest()[:16]
