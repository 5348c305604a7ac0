"""Peak rates of this machine: the most floating-point operations and bytes per second that simple kernels reach.

No kernel is the fastest everywhere. Many CPUs multiply float16 matrices more slowly than they add up float16 products
of vectors. So the peak of a dtype is the best of matrix products of several shapes and of vector operations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from time import perf_counter

import torch

from gradiometer.timing.clocks import Call, WallClock, clocks_for

TRIED_S = 2e-3
"""Time for a first estimate of each kernel."""
SPENT_S = 0.03
"""Time for each of the fastest kernels."""
FINALISTS = 3
"""Kernels that are measured for SPENT_S after the first estimate."""
BLOCK_S = 1e-3
LONGEST_S = 0.01
"""A kernel that is predicted to take longer is not tried."""
SIZES = {"cpu": (64, 128, 256, 512, 1024), "cuda": (512, 2048, 4096, 8192)}
"""Rows and columns of the matrices."""
TILE = 32
"""Rows and columns of the matrices in a batched product."""
TOUCHED_BYTES = (2**18, 2**21, 2**24, 2**28)
"""Bytes read and written, from what fits into second-level caches to what fits into none."""

Kernel = tuple[float, Call]
"""Operations or bytes of one call, and the call."""


def peak_rates(device: str, dtypes: Sequence[str]) -> dict[str, Mapping[str, float | None]]:
    """Peak rates with the threads and numeric switches in force, to three digits.

    `flops_per_s` is by dtype, None where no kernel runs; `bytes_per_s` is by the bytes that a kernel reads and writes.
    """
    clock, _ = clocks_for(device)

    def flops(dtype: str) -> float | None:
        return _best_rate((partial(_kernels, device, getattr(torch, dtype), size) for size in SIZES[device]), clock)

    def bandwidth(size: int) -> float | None:
        return _best_rate([partial(_transfers, device, size)], clock)

    return {
        "flops_per_s": {dtype: flops(dtype) for dtype in dtypes},
        "bytes_per_s": {str(size): bandwidth(size) for size in TOUCHED_BYTES},
    }


def _kernels(device: str, dtype: torch.dtype, size: int) -> Iterator[Kernel]:
    """Products of every shape that gradients have, and the multiplication of entries."""
    a, b = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
    out, column = torch.empty_like(a), b[:, :1].contiguous()
    tiles = [matrix.view(-1, TILE, TILE) for matrix in (a, b, out)]
    yield 2 * size**3, partial(torch.mm, a, b, out=out)
    yield 2 * size**3, partial(torch.mm, a, b.T, out=out)
    yield 2 * size**2 * TILE, partial(torch.bmm, tiles[0], tiles[1], out=tiles[2])
    yield 2 * size**2, partial(torch.mm, a, column)
    yield 2 * size**2, partial(torch.mm, a.T, column)
    yield 2 * size**2, partial(torch.dot, a.view(-1), b.view(-1))
    yield size**2, partial(torch.mul, a, b, out=out)


def _transfers(device: str, size: int) -> Iterator[Kernel]:
    """A copy, and a scalar product, which reads only."""
    first, second = (torch.ones(size // 8, device=device) for _ in range(2))
    yield size, partial(second.copy_, first)
    yield size, partial(torch.dot, first, second)


def _best_rate(groups: Iterable[Callable[[], Iterator[Kernel]]], clock: WallClock) -> float | None:
    """The highest rate of any kernel, by the fastest of its blocks."""
    tried: list[tuple[float, Kernel]] = []
    for group in groups:
        kernels: list[Kernel] = []
        with suppress(RuntimeError):  # no memory for this size
            kernels = list(group())
        for amount, call in kernels:
            best = max((rate for rate, _ in tried), default=None)
            if best is None or amount / best <= LONGEST_S:
                with suppress(RuntimeError):  # this dtype has no such kernel
                    tried.append((amount / _fastest_s(call, clock, TRIED_S), (amount, call)))
    finalists = sorted(tried, key=lambda it: -it[0])[:FINALISTS]
    rates = [max(rate, kernel[0] / _fastest_s(kernel[1], clock, SPENT_S)) for rate, kernel in finalists]
    return float(f"{max(rates):.3g}") if rates else None


def _fastest_s(call: Call, clock: WallClock, seconds: float) -> float:
    """Seconds per call in the fastest of the blocks that fit into `seconds`."""
    clock.block(call, 1)
    fastest, _ = clock.block(call, 1)
    calls = max(1, int(BLOCK_S / fastest))
    until = perf_counter() + seconds
    while perf_counter() < until:
        fastest = min(fastest, clock.block(call, calls)[0])
    return fastest
