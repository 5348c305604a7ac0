"""Data near an optimum of a linear autoencoder: W2 ≈ W1⁺ and data in the row space of W1, so both gradients are small.

The orthonormal rows have the same bits on every machine: see `rotated`.
"""

import torch

from gradiometer.problems.draws import rotated

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
        rows = rotated(rows, generator)
        W1, X = rows[:p], rows[p:] / _LATENT_STEPS
        noise = torch.rand(n, p, generator=generator, dtype=torch.float64) - 0.5
        return {data_input: X.T if data_input == "Y" else X, "W1": W1, "W2": W1.T + RESIDUAL_SCALE * noise}

    return sample
