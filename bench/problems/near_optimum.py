"""Data near an optimum of a linear autoencoder: W2 ≈ W1⁺ and data in the row space of W1, so both gradients are small.

A LAPACK routine would give other bits on other machines. The orthonormal rows are therefore products of 3-4-5 rotations
of random pairs of coordinates: integers, which float64 holds exactly, divided once at the end.
"""

import torch

RESIDUAL_SCALE = 2.0**-10
"""Entries of W2 − W1ᵀ are uniform in ±RESIDUAL_SCALE/2."""

_LATENT_STEPS = 8


def near_optimum(data_input):
    """The `sample` of a problem with inputs W1 (p × n), W2 (n × p) and data: X (m × n), or Y (n × 1).

    It draws the kind of data `near_optimum`, which needs p ≤ n; other kinds are drawn as usual.
    """

    def sample(data, dims, generator):
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


def _rotated(rows, generator):
    """Integer rows times one random orthogonal matrix, rounded once. log2(n) + 1 layers mix all coordinates."""
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
