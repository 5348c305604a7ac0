"""Rows of the tables of a run: a dataclass's fields are a table's columns.

Units end the name (`_s` seconds, `_ns` nanoseconds, `_bytes`, `_u` units of roundoff, `_ulp` units in the last place).
Columns hold strings and numbers only. A column that may be null has the type `… | None`.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

SCHEMA_VERSION = 3
READABLE_VERSIONS = (1, 2, 3)

BASELINE = "autograd"
"""Method whose time is the denominator of every ratio."""

DATA = ("uniform", "normal")
"""The generic kinds of data. A problem may have further kinds of its own."""
TIMED_DATA, TIMED_SEED = "uniform", 0

STATUSES = {
    "ok": "measured",
    "unsupported": "no such operation for this dtype or device",
    "skipped": "predicted too slow or too large, never started",
    "timeout": "a call ran past the limit and its process was stopped",
    "oom": "ran out of memory",
    "nonfinite": "measured, but the gradient has NaN or infinite entries",
    "zeroed": "measured, but entries are zero where the true gradient is not",
    "wrong": "the gradient has another shape or dtype, is refuted, is off by more than rounding, or is a stored result",
    "error": "raised an exception",
    "crashed": "its process ended",
    "interrupted": "the run ended before it was measured",
}
VERDICTS = {
    "proved": "proved",
    "exact": "exact",
    "agrees": "agrees",
    "agrees_float64": "agrees in float64",
    "wrong": "wrong",
    "unchecked": "not checked",
}
"""Verdict on a gradient as stored → as printed, from best to worst.

- proved: equal as polynomials at the dimensions named, by random integer points.
- exact: equal in ball arithmetic; the digits are those of the balls.
- agrees: equal in high precision that is not rigorous, or up to a constant's own rounding.
- agrees_float64: equal in float64 within the worst-case rounding error; for code that cannot be traced.
- wrong: differs.
- unchecked: the code cannot run.
"""
RIGHT_VERDICTS = ("proved", "exact", "agrees", "agrees_float64")
"""Verdicts on a right gradient, if it agrees to LEAST_DIGITS digits."""
LEAST_DIGITS = 12

TIMED_STATUSES = ("ok", "nonfinite", "zeroed", "wrong")
"""Statuses of cells that may have time samples."""


@dataclass(frozen=True)
class FloatFormat:
    """A binary floating-point format: significand bits p (with the hidden bit) and exponent of the least normal."""

    precision: int
    min_exponent: int
    itemsize: int
    largest: float

    @property
    def unit_roundoff(self) -> float:
        """u = 2⁻ᵖ, the largest relative error of one rounding to nearest."""
        return 2.0**-self.precision


DTYPES = {
    "float16": FloatFormat(11, -14, 2, 65504.0),
    "bfloat16": FloatFormat(8, -126, 2, (2 - 2.0**-7) * 2.0**127),
    "float32": FloatFormat(24, -126, 4, (2 - 2.0**-23) * 2.0**127),
    "float64": FloatFormat(53, -1022, 8, (2 - 2.0**-52) * 2.0**1023),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One method on one case.

    `time_s` is the time of a call without the time of an empty call. `ratio` is that time over the baseline's, paired
    within rounds; below 1 is faster. `setup_s` is the median time of the preparations in a process, without the first.
    Each of the three is an estimate over processes: `…_log_se` is the standard error of its logarithm and `…_df` the
    degrees of freedom (`gradiometer.statistics.Estimate`).

    `reason` says why a cell has its status; of one that is `ok`, what is unusual about how the method returns its
    gradient, such as a buffer that another call overwrites.

    `dims` reads `m=8 n=8 p=4`; `parameters` is the number of entries of the gradient. `flops` counts every
    multiplication, addition and elementary function of a call as one; it is null where they cannot be counted. `bytes`
    counts the inputs read once and the gradient written once; for a form, the inputs are those that its call takes.
    `peak_memory_bytes` is the highest amount that torch's allocator had handed out while preparing and during one call,
    less the amount before; on the CPU it is null for methods that evaluate hundreds of losses.
    """

    run_id: str
    cell_id: str
    case_id: str
    problem: str
    wrt: str
    method: str
    family: str
    size: int
    dims: str
    parameters: int
    dtype: str
    device: str
    threads: int
    numerics: str
    cache: str
    status: str
    reason: str | None
    flops: int | None
    bytes: int | None
    setup_s: float | None
    setup_log_se: float | None
    setup_df: float | None
    time_s: float | None
    time_log_se: float | None
    time_df: float | None
    device_time_s: float | None
    ratio: float | None
    ratio_log_se: float | None
    ratio_df: float | None
    samples: int
    processes: int
    peak_memory_bytes: int | None
    interference: float | None
    """Share of the case's segments with interference, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The raw time of one block of calls, divided by its number of calls.

    The overhead of an empty call is not subtracted. With the clock `device` the time of an empty block is.
    """

    run_id: str
    case_id: str
    cell_id: str
    process: int
    segment: int
    round: int
    position: int
    calls: int
    time_s: float
    clock: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a measurement between two rebuilds of the callables, and the interference during it.

    `overhead_s` is the time of an empty call. `pressure_s` is how long some task of the machine waited for a processor.
    On CUDA, frequency, temperature, throttling, power and foreign processes are those of the GPU. `unread` gives the
    reason for every column that is null.
    """

    run_id: str
    case_id: str
    process: int
    segment: int
    started_ns: int
    ended_ns: int
    overhead_s: float
    interference: bool
    reason: str | None
    involuntary_switches: int | None
    steal_s: float | None
    frequency_mhz: float | None
    temperature_c: float | None
    throttling: str | None
    power_w: float | None = None
    foreign_processes: int | None = None
    pressure_s: float | None = None
    load_1min: float | None = None
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class Error:
    """A gradient scored against its reference. With any entry that is not finite, all error metrics are null."""

    run_id: str
    cell_id: str
    data: str
    seed: int
    status: str
    reason: str | None
    reference: str | None
    reference_radius_ulp: float | None
    rel_fro: float | None
    rel_max: float | None
    comp_max: float | None
    ulp_max: float | None
    ulp_mean: float | None
    ulp_p50: float | None
    ulp_p99: float | None
    digits: float | None
    bwd_max_u: float | None
    bwd_fro_u: float | None
    kappa: float | None
    bound_share: float | None
    n_nan: int | None
    n_inf: int | None
    n_spurious: int | None
    n_underflow: int | None
    loss_finite: bool | None
    input_hash: str | None
    output_hash: str | None
    distinct_outputs: int | None
    n_zeroed: int | None = None
    """Zero entries that roundings do not explain: the true value is a normal number and not small beside its terms."""


@dataclass(frozen=True, slots=True)
class Derivation:
    """The verdict on one form, or on torch's own derivative: `torch.autograd.grad`, in older runs `torch.func.grad`.

    `verdict` is a key of VERDICTS; older runs have `rounded_constants`, which is read as `agrees`. The other columns
    are those of `Verdict`.
    """

    run_id: str
    problem: str
    wrt: str
    form: str
    verdict: str
    digits: float | None
    points: int
    dims: str
    diagnosis: str | None
    source_hash: str
    remarks: str | None = None
    chance_log2: float | None = None
    seed: int | None = None


TABLES: dict[str, type] = {
    "cells": Cell,
    "samples": Sample,
    "segments": Segment,
    "errors": Error,
    "derivations": Derivation,
}


def data_kinds(names: Iterable[str]) -> list[str]:
    """The distinct kinds of data among `names`: the generic ones in the order of DATA, then problems' own by name."""
    found = set(names)
    return [*(kind for kind in DATA if kind in found), *sorted(found - set(DATA))]


def columns(row: type) -> dict[str, type]:
    """Column name → str, int, float or bool, in order."""
    return {name: _plain(hint)[0] for name, hint in typing.get_type_hints(row).items()}


def nullable(row: type) -> set[str]:
    """The columns that may be null."""
    return {name for name, hint in typing.get_type_hints(row).items() if _plain(hint)[1]}


def _plain(hint: Any) -> tuple[type, bool]:
    options = typing.get_args(hint) or (hint,)
    (kind,) = [option for option in options if option is not type(None)]
    return kind, type(None) in options


def arrow_schema(row: type) -> pa.Schema:
    """The parquet schema of a table. Strings are dictionary-encoded, because ids repeat."""
    import pyarrow as pa

    types = {str: pa.dictionary(pa.int32(), pa.string()), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    optional = nullable(row)
    return pa.schema([pa.field(name, types[kind], name in optional) for name, kind in columns(row).items()])


def as_dict(row: Any) -> dict[str, Any]:
    """A row as a dictionary, without the deep copy of `dataclasses.asdict`."""
    return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
