"""Moderated variances: cells of a table with few processes share information on how much processes differ.

G. K. Smyth, "Linear models and empirical Bayes methods for assessing differential expression", Statistical Applications
in Genetics and Molecular Biology 3 (2004), doi 10.2202/1544-6115.1027. The model: the variances s², each with d degrees
of freedom, scatter around a common s₀² as if s₀² had d₀ degrees of freedom. s₀² and d₀ follow from the mean and the
variance of log s², the latter raised by CAUTION of its standard errors: few cells with few processes would otherwise
often seem to share one variance when they do not. The moderated variance of a cell is (d₀s₀² + ds²)/(d₀ + d), with
d₀ + d degrees of freedom. Where the variances of a table disagree by more than chance, d₀ is small and a cell keeps
most of its own variance.
"""

from __future__ import annotations

import numpy as np

from gradiometer.statistics.estimates import Floats

CAUTION = 1.0
"""Standard errors by which the variance of log s² is raised before d₀ follows from it. Without, two processes give a
family-wise error above 20 % where the variances of a table differ.
"""
FEWEST = 8
"""Number of cells below which the spread of variances is not estimated, and nothing is moderated."""


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


def prior(variances: Floats, dfs: Floats, scale: Floats) -> tuple[Floats, float]:
    """s₀² of each cell, and d₀; d₀ is 0 with fewer than FEWEST usable cells.

    `scale` is the variance that each cell is expected to have, up to a power and a factor: log s² is fitted on log
    scale by least squares, as the R package limma fits its trend. Cells without a scale get the mean of the fit.
    """
    from scipy.special import digamma, polygamma

    usable = (dfs > 0) & (variances > 0) & (scale > 0) & np.isfinite(variances) & np.isfinite(scale)
    if usable.sum() < FEWEST:
        return np.ones_like(variances), 0.0
    half = dfs[usable] / 2
    e = np.log(variances[usable]) - digamma(half) + np.log(half)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.log(scale)
    centre = x[usable].mean()
    spread = ((x[usable] - centre) ** 2).sum()
    slope = float(((x[usable] - centre) * e).sum() / spread) if spread > 1e-12 else 0.0
    trend = e.mean() + slope * np.where(np.isfinite(x), x - centre, 0.0)
    free = usable.sum() - (2 if spread > 1e-12 else 1)
    chance = float(polygamma(1, half).mean())  # the variance of log s² where all cells share one variance
    excess = float(((e - trend[usable]) ** 2).sum() / free) - chance
    kurtosis = float(polygamma(3, half).mean())
    d0 = 2 * _trigamma_inverse(max(excess, 0.0) + CAUTION * float(np.sqrt((kurtosis + 2 * chance**2) / free)))
    return np.exp(trend + float(digamma(d0 / 2)) - np.log(d0 / 2)), d0


def moderated(variances: Floats, dfs: Floats, scale: Floats) -> tuple[Floats, Floats]:
    """Moderated variance and degrees of freedom of each cell; unchanged where the table has fewer than FEWEST cells."""
    s0, d0 = prior(variances, dfs, scale)
    if d0 == 0:
        return variances, dfs
    pooled = (d0 * s0 + dfs * variances) / (d0 + dfs)
    return np.where(dfs > 0, pooled, variances), np.where(dfs > 0, d0 + dfs, dfs)
