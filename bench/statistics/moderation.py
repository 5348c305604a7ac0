"""Moderated variances: each cell's few processes borrow what the whole table says of how processes differ.

G. K. Smyth, "Linear models and empirical Bayes methods for assessing differential expression", Statistical Applications
in Genetics and Molecular Biology 3 (2004), doi 10.2202/1544-6115.1027: variances s² on d degrees of freedom are drawn
around a common s₀² as d₀ degrees of freedom would be; s₀² and d₀ come from mean and variance of log s², and each cell's
variance becomes (d₀s₀² + ds²)/(d₀ + d) on d₀ + d degrees of freedom. Where the table's variances disagree by more than
chance, d₀ is small and little is borrowed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Floats = np.ndarray[Any, np.dtype[np.float64]]

FEWEST = 8
"""Cells below which a table says nothing of its variances' spread."""


def _trigamma_inverse(value: float) -> float:
    """x with ψ′(x) = value, by Newton's method on 1/ψ′, which is nearly linear (Smyth 2004, appendix)."""
    from scipy.special import polygamma

    x = 0.5 + 1 / value
    for _ in range(50):
        trigamma = float(polygamma(1, x))
        step = trigamma * (1 - trigamma / value) / float(polygamma(2, x))
        x += step
        if abs(step) < 1e-10 * x:
            break
    return x


def prior(variances: Floats, degrees: Floats, scale: Floats) -> tuple[Floats, float]:
    """s₀² per cell and d₀, from the cells with at least one degree of freedom; d₀ is 0 where too few tell.

    `scale` says which variance each cell would have by what is known of it alone, up to a power and a factor: log s² is
    fitted on log scale by least squares, as limma's trend is on abundance.
    """
    from scipy.special import digamma, polygamma

    told = (degrees > 0) & (variances > 0) & (scale > 0) & np.isfinite(variances) & np.isfinite(scale)
    if told.sum() < FEWEST:
        return np.ones_like(variances), 0.0
    half = degrees[told] / 2
    e = np.log(variances[told]) - digamma(half) + np.log(half)
    x = np.log(scale)
    centre = x[told].mean()
    spread = ((x[told] - centre) ** 2).sum()
    slope = float(((x[told] - centre) * e).sum() / spread) if spread > 1e-12 else 0.0
    trend = e.mean() + slope * (x - centre)
    free = told.sum() - (2 if spread > 1e-12 else 1)
    excess = float(((e - trend[told]) ** 2).sum() / free - polygamma(1, half).mean())
    if excess <= 0:
        return np.exp(np.where(np.isfinite(trend), trend, e.mean())), np.inf
    d0 = 2 * _trigamma_inverse(excess)
    level = trend + float(digamma(d0 / 2)) - np.log(d0 / 2)
    return np.exp(np.where(np.isfinite(level), level, e.mean())), d0


def moderated(variances: Floats, degrees: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Each cell's moderated variance and its degrees of freedom; unchanged where the table has too little to tell."""
    s0, d0 = prior(variances, degrees, scale)
    if d0 == 0:
        return variances, degrees
    if np.isinf(d0):
        return np.where(degrees > 0, s0, variances), np.where(degrees > 0, np.inf, degrees)
    pooled = (d0 * s0 + degrees * variances) / (d0 + degrees)
    return np.where(degrees > 0, pooled, variances), np.where(degrees > 0, d0 + degrees, degrees)
