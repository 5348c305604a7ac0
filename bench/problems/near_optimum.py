"""Linear autoencoders near an optimum: W2 ≈ W1⁺ and data in W1's row space, so that both gradients nearly vanish.

The same bits on every machine rule out a LAPACK, so the orthonormal rows are made by construction: layers of 3-4-5
rotations of randomly paired coordinates, in integers that float64 holds exactly, divided once at the end.
"""

from __future__ import annotations

import torch

from gradiometer.problems.problem import Sampler

RESIDUAL_SCALE = 2.0**-10
"""How far W2 is from the pseudo-inverse of W1, entry by entry (times a uniform draw from ±½)."""

_LATENT_STEPS = 8


def _rotated(rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Integer rows times one random orthogonal matrix, rounded once: log2(n) + 1 layers mix every coordinate."""
    n = rows.shape[1]
    layers = max(1, (n - 1).bit_length()) + 1
    for _ in range(layers):
        order = torch.randperm(n, generator=generator)
        one, other, rest = order[: n // 2], order[n // 2 : n // 2 * 2], order[n // 2 * 2 :]
        turned = torch.empty_like(rows)
        turned[:, one] = 3 * rows[:, one] + 4 * rows[:, other]
        turned[:, other] = 3 * rows[:, other] - 4 * rows[:, one]
        turned[:, rest] = 5 * rows[:, rest]
        rows = turned
    return rows / 5.0**layers


def near_optimum(data_input: str) -> Sampler:
    """A sampler for inputs W1 (p × n), W2 (n × p) and data: X (m × n), or Y (n × 1). None where p > n."""

    def sample(data: str, dims: dict[str, int], generator: torch.Generator) -> dict[str, torch.Tensor] | None:
        if data != "near_optimum":
            return {}
        n, p, m = dims["n"], dims["p"], dims.get("m", 1)
        if p > n:
            return None
        latent = torch.randint(-_LATENT_STEPS, _LATENT_STEPS + 1, (m, p), generator=generator, dtype=torch.float64)
        rows = torch.cat([torch.eye(p, n, dtype=torch.float64), torch.nn.functional.pad(latent, (0, n - p))])
        rows = _rotated(rows, generator)
        W1, X = rows[:p], rows[p:] / _LATENT_STEPS
        noise = torch.rand(n, p, generator=generator, dtype=torch.float64) - 0.5
        return {data_input: X.T if data_input == "Y" else X, "W1": W1, "W2": W1.T + RESIDUAL_SCALE * noise}

    return sample
