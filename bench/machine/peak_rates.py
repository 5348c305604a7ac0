"""What the machine can do at most, as far as a simple test tells: large matrix products and copies, in a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import perf_counter

import torch

from gradiometer.timing.clocks import Call, WallClock, clocks_for

SPENT_S = 0.03
"""On each product and copy, once it has been tried: about a second for four dtypes and these copies."""
BLOCK_S = 1e-3
LONGEST_S = 0.03
"""A larger product than one that is predicted to take so long is not tried."""
PRODUCT_SIZES = {"cpu": (256, 512, 1024), "cuda": (512, 2048, 8192)}
COPIED_BYTES = (2**18, 2**21, 2**24, 2**28)
"""Source and destination together: from what second-level caches hold to what none does."""


def peak_rates(device: str, dtypes: Sequence[str]) -> dict[str, Mapping[str, float | None]]:
    """`flops_per_s` by dtype and `bytes_per_s` (read and written) by the bytes that a copy touches, as texts.

    With the threads and the numerics that are set. Three digits, since a second measurement has others; null where a
    product does not run in a dtype.
    """
    clock, _ = clocks_for(device)
    return {
        "flops_per_s": {dtype: _product_flops_per_s(device, getattr(torch, dtype), clock) for dtype in dtypes},
        "bytes_per_s": {str(size): _copy_bytes_per_s(device, size, clock) for size in COPIED_BYTES},
    }


def _fastest_s(call: Call, clock: WallClock) -> float:
    """Seconds of a call in the fastest of some blocks."""
    clock.block(call, 1)
    fastest, _ = clock.block(call, 1)
    calls = max(1, int(BLOCK_S / fastest))
    until = perf_counter() + SPENT_S
    while perf_counter() < until:
        fastest = min(fastest, clock.block(call, calls)[0])
    return fastest


def _product_flops_per_s(device: str, dtype: torch.dtype, clock: WallClock) -> float | None:
    best = None
    with suppress(RuntimeError):  # no such product in this dtype, or no memory for a larger one
        for size in PRODUCT_SIZES[device]:
            a, b = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
            out = torch.empty_like(a)
            if best is not None and 2 * size**3 / best > LONGEST_S:
                break
            best = max(best or 0.0, 2 * size**3 / _fastest_s(partial(torch.mm, a, b, out=out), clock))
    return None if best is None else float(f"{best:.3g}")


def _copy_bytes_per_s(device: str, size: int, clock: WallClock) -> float | None:
    with suppress(RuntimeError):
        source, destination = (torch.ones(size // 8, device=device) for _ in range(2))
        return float(f"{size / _fastest_s(partial(destination.copy_, source), clock):.3g}")
    return None
