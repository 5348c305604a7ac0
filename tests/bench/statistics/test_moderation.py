"""Moderated variances: what cells of one table share."""

import math

import numpy as np
import pytest

from gradiometer import statistics
from gradiometer.statistics import moderation


def variances(seed, cells=2000, degrees=2, prior=math.inf):
    """True and sample variances: true ones vary as `prior` degrees of freedom would have them."""
    rng = np.random.default_rng(seed)
    true = 1e-4 * (np.ones(cells) if math.isinf(prior) else prior / rng.chisquare(prior, cells))
    return true, true * rng.chisquare(degrees, cells) / degrees


def test_alike_cells_share_one_variance_and_differing_ones_keep_more_of_their_own():
    degrees = np.full(2000, 2.0)
    _, alike = variances(0)
    pooled, freedom = moderation.moderated(alike, degrees, np.ones(2000))
    assert freedom.min() > 15
    assert np.ptp(np.log(pooled)) < 0.1 * np.ptp(np.log(alike))
    _, differing = variances(0, prior=3.0)
    _, some = moderation.moderated(differing, degrees, np.ones(2000))
    assert 3 < some.max() < 9


@pytest.mark.parametrize("prior", [4.0, math.inf])
def test_moderated_intervals_cover_and_are_narrower(prior):
    rng = np.random.default_rng(1)
    covered, widths, own_widths = [], [], []
    for seed in range(20):
        true, found = variances(seed, 200, prior=prior)
        means = rng.normal(0, np.sqrt(true / 3))
        pooled, freedom = moderation.moderated(found, np.full(200, 2.0), np.ones(200))
        half = statistics.t_quantile(freedom) * np.sqrt(pooled / 3)
        covered.append((np.abs(means) <= half).mean())
        widths.append(half.mean())
        own_widths.append((statistics.t_quantile(2.0) * np.sqrt(found / 3)).mean())
    assert 0.94 <= np.mean(covered) <= 0.97
    assert np.mean(widths) < 0.75 * np.mean(own_widths)


def test_a_known_scale_is_followed_and_too_few_cells_borrow_nothing():
    scale = np.geomspace(1e-6, 1e-2, 2000)
    _, base = variances(0)
    pooled, freedom = moderation.moderated(base / 1e-4 * scale, np.full(2000, 2.0), scale)
    assert freedom.min() > 15
    assert np.corrcoef(np.log(pooled), np.log(scale))[0, 1] > 0.99
    few = base[:5]
    unchanged, degrees = moderation.moderated(few, np.full(5, 2.0), np.ones(5))
    assert (unchanged == few).all() and (degrees == 2).all()


def test_a_cell_without_a_scale_gets_the_mean_of_the_others():
    """The prior of such a cell has the same digamma shift as that of the others."""
    _, found = variances(0, prior=3.0)
    scale = np.ones(2000)
    scale[:2] = 0.0, math.nan
    s0, d0 = moderation.prior(found, np.full(2000, 2.0), scale)
    assert 2.5 < d0 < 3.5
    assert s0[:2] == pytest.approx(s0[2]) and s0[2] == pytest.approx(1e-4, rel=0.1)
