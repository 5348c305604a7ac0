"""torch.autograd.functional.jacobian, which the notebook used, and its two vectorised variants."""

from typing import Any

from torch.autograd import functional

from gradiometer.methods.method import Make, Objective


def jacobian(o: Objective, **options: Any) -> Make:
    """One backward pass, because a scalar loss has a Jacobian of one row."""
    return lambda: lambda: functional.jacobian(o.loss, o.point, **options)


def jacobian_vectorized(o: Objective) -> Make:
    """Reverse mode under vmap."""
    return jacobian(o, vectorize=True)


def jacobian_forward(o: Objective) -> Make:
    """Forward mode under vmap: P tangents at once, one for each entry of the point."""
    return jacobian(o, vectorize=True, strategy="forward-mode")
