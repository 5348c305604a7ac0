"""Differences that come from a sampler whose data meet to rounding a constraint that `constraints` does not know."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from flint import ctx

from gradiometer.graph.trace import TraceError, UnknownOperationError
from gradiometer.verification.differences import differences, largest_share
from gradiometer.verification.equality import Comparison
from gradiometer.verification.functions import UncheckableError
from gradiometer.verification.instance import PRECISION, Wrt
from gradiometer.verification.sample_points import sampled_inputs
from gradiometer.verification.traced import Traced

MOST_SHARE = 2.0**-48
"""Largest difference, relative to the scale, that rounding of sampled data may explain."""
CHANGE = 2.0**-26
"""Relative change of the sampled data, by which a violated constraint is recognised."""
LEAST_GROWTH = 2.0**16


def within_sampling(wrt: Wrt, form: Traced, comparison: Comparison) -> Comparison | None:
    """The comparison as `agrees`, where rounding of the sampled inputs explains the difference; None elsewhere.

    It does if the difference is as small as roundings of the inputs, and grows with a change of the sampled inputs: a
    wrong factor or term does not.
    """
    place, point = comparison.instance, comparison.point
    try:
        share = largest_share(comparison.gaps, comparison.scale)
        drawn = sampled_inputs(place.problem, place.dims, point.data)
        sampled = [name for name in drawn if point.inputs[name].is_floating_point()]
        if not sampled or share > MOST_SHARE or place.problem.sample is None:
            return None
        generator = torch.Generator().manual_seed(0)
        changed = dict(point.inputs)
        for name in sampled:
            signs = 2.0 * torch.randint(0, 2, changed[name].shape, generator=generator).double() - 1
            changed[name] = changed[name] * (1 + CHANGE * signs)
        moved = replace(point, inputs=changed, refined={})
        found = form.at(moved).midpoints(moved)
        expected = place.derivatives(wrt).at(moved).midpoints(moved)
        with ctx.workprec(PRECISION):
            grown = largest_share(differences(found, expected), comparison.scale)
    except (UncheckableError, TraceError, UnknownOperationError):
        return None
    return replace(comparison, verdict="agrees", digits=-math.log10(share)) if grown >= LEAST_GROWTH * share else None


REMARK = "differs by what rounding of the sampled data explains, as where they meet a constraint to rounding only"
