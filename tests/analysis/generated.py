"""Runs of any size, drawn in seconds: what the report is timed on. Seeded; through the schema and the store's writer.

A table is drawn as a whole, past the journal. A cell's time and ratio are the mean over processes of their medians over
blocks, as a measured run's are, with Student's t; nothing is moderated.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from gradiometer.storage import schema
from gradiometer.storage.durable import write_json
from gradiometer.storage.tables import write_table
from gradiometer.storage.validate import DESCRIPTION

Floats = np.ndarray[Any, np.dtype[np.float64]]

METHODS = {
    "textbook": ("analytic", 8e-6, 4, 3), "factored": ("analytic", 10e-6, 12, 2), "gram": ("analytic", 14e-6, 2, 3),
    "gram_prepared": ("analytic", 9e-6, 1.5, 3), "autograd": ("reverse", 50e-6, 24, 2),
    "backward": ("reverse", 54e-6, 24, 2), "jacobian": ("reverse", 77e-6, 24, 2),
    "jacobian_vectorized": ("reverse", 150e-6, 30, 2), "func_grad": ("reverse", 154e-6, 24, 2),
    "func_vjp": ("reverse", 146e-6, 24, 2), "jacrev": ("reverse", 250e-6, 30, 2),
    "jacobian_forward": ("forward", 200e-6, 12, 4), "jacfwd": ("forward", 220e-6, 12, 4),
    "central_difference": ("numeric", 60e-6, 24, 4),
}  # fmt: skip
"""Method → family, overhead in seconds, and the flops of a call: a factor and a power of the size."""
BASELINE = list(METHODS).index(schema.BASELINE)
CONFIGURATIONS = (("cpu", 1), ("cpu", 2), ("cuda", 1), ("cuda", 2))
FLOPS_PER_S, BYTES_PER_S = {"cpu": 2e10, "cuda": 1e13}, {"cpu": 1e10, "cuda": 1e12}
PROCESS_NOISE, BLOCK_NOISE, OVERHEAD_S = 0.004, 0.01, 4e-8


@dataclass(frozen=True)
class Plan:
    """How much: a case for each problem × wrt × size × dtype × configuration, of it a cell for each of METHODS."""

    run_id: str
    problems: int
    wrts: int = 3
    sizes: int = 10
    dtypes: int = 4
    configurations: int = 3
    processes: int = 5
    segments: int = 4
    rounds: int = 6
    seeds: int = 3
    seed: int = 0


def generate(parent: Path, plan: Plan) -> Path:
    """A run folder under `parent`, as a run leaves it: the same plan, the same numbers. Its logs are case × method ×
    process × block.
    """
    random = np.random.default_rng(plan.seed)
    folder = parent / plan.run_id
    folder.mkdir(parents=True)
    cells = _cells(plan, random)
    timed = cells["status"].isin(schema.TIMED_STATUSES)
    truth = np.log(cells["time_s"].to_numpy().reshape(-1, len(METHODS), 1, 1))
    of_process = truth + random.normal(0, PROCESS_NOISE, (*truth.shape[:2], plan.processes, 1))
    logs = of_process + random.normal(0, BLOCK_NOISE, (*of_process.shape[:3], plan.segments * plan.rounds))
    cells["time_s"] = np.nan
    for value, error, of_blocks in (
        ("time_s", "time_log_se", logs),
        ("ratio", "ratio_log_se", logs - logs[:, [BASELINE]]),
    ):
        for name, values in zip((value, error), _estimates(of_blocks), strict=True):
            cells.loc[timed, name] = values[timed]
    cells.loc[timed, ["samples", "processes"]] = plan.processes * plan.segments * plan.rounds, plan.processes
    cells.loc[timed, ["time_df", "ratio_df"]] = plan.processes - 1.0
    on_device = timed & (cells["device"] == "cuda")
    cells.loc[on_device, "device_time_s"] = 0.8 * cells.loc[on_device, "time_s"]
    tables: dict[str, dict[str, Any]] = {
        "cells": {str(name): values for name, values in cells.items()},
        "samples": _samples(plan, cells, np.flatnonzero(timed), logs),
        "segments": _segments(plan, cells["case_id"].unique(), random),
        "errors": _errors(plan, cells[timed], random),
        "derivations": _derivations(cells),
    }
    for name, columns in tables.items():
        write_table(folder, name, _arrow(name, columns | {"run_id": plan.run_id}))
    write_json(folder / DESCRIPTION, _description(plan, cells))
    return folder


def _cells(plan: Plan, random: np.random.Generator) -> pd.DataFrame:
    """The planned cells, a case's together; `time_s` is the truth of those that could be timed."""
    problems = [f"generated_problem_{number:02}" for number in range(plan.problems)]
    sizes = [2 ** (3 + power) for power in range(plan.sizes)]
    axes = (problems, ("W1", "W2", "W1+W2")[: plan.wrts], CONFIGURATIONS[: plan.configurations],
            list(schema.DTYPES)[::-1][: plan.dtypes], sizes, METHODS)  # fmt: skip
    rows = [(p, w, d, t, y, n, m) for p, w, (d, t), y, n, m in itertools.product(*axes)]
    cells = pd.DataFrame(rows, columns=["problem", "wrt", "device", "threads", "dtype", "size", "method"])
    n = cells["size"].to_numpy(float)
    cells["case_id"] = [f"{p}-{w}-n{n}-{y}-{d}-{t}t-ieee-hot" for p, w, d, t, y, n, _ in rows]
    cells["cell_id"] = cells["case_id"] + "-" + cells["method"]
    cells["dims"] = [f"m=1 n={n} p={n // 2}" for n in cells["size"]]
    told = zip(*(METHODS[method] for method in cells["method"]), strict=True)
    cells["family"], overhead_s, factor, power = map(np.array, told)
    itemsize = cells["dtype"].map({name: form.itemsize for name, form in schema.DTYPES.items()}).to_numpy()
    cells["parameters"] = cells["size"] ** 2 // 2
    cells["flops"], cells["bytes"] = (factor * n**power).astype("int64"), (3 * itemsize * n**2).astype("int64")
    cells = cells.assign(
        numerics="ieee", cache="hot", interference=0.1, samples=0, processes=0, status="ok", reason=None
    )
    cells["setup_s"] = np.where(cells["method"] == "gram_prepared", 1e-6 * n, np.nan)
    cells["peak_memory_bytes"] = 2 * cells["bytes"]
    own = dict(zip(problems, np.exp(random.normal(0, 0.5, plan.problems)), strict=True))
    rate = cells["device"].map(FLOPS_PER_S) * cells["threads"]
    moving_s = cells["bytes"] / cells["device"].map(BYTES_PER_S)
    cells["time_s"] = cells["problem"].map(own) * (overhead_s + np.maximum(cells["flops"] / rate, moving_s))
    for status, reason, of_status in (
        ("skipped", "predicted {} s a call", (cells["family"] == "numeric") & (n >= 128)),
        ("oom", "wanted {} GiB, of 7.8 GiB", (cells["family"] == "forward") & (n >= 1024)),
        ("unsupported", "no such operation", (cells["method"] == "jacrev") & (cells["dtype"] == "bfloat16")),
        ("nonfinite", None, (cells["dtype"] == "float16") & (n >= 2048) & (cells["status"] == "ok")),
    ):
        cells.loc[of_status, "status"] = status
        cells.loc[of_status, "reason"] = [reason and reason.format(size) for size in cells.loc[of_status, "size"]]
    return cells


def _estimates(logs: Floats) -> tuple[Floats, Floats]:
    """Value and standard error of the log of each cell, from its logs."""
    of_processes = np.median(logs, axis=3).reshape(-1, logs.shape[2])
    count = of_processes.shape[1]
    middle = of_processes.mean(axis=1)
    return np.exp(middle), of_processes.std(axis=1, ddof=1) / np.sqrt(count) if count > 1 else 0 * middle


def _samples(plan: Plan, cells: pd.DataFrame, timed: Any, logs: Floats) -> dict[str, Any]:
    times = np.exp(logs.reshape(len(cells), -1)[timed]) + OVERHEAD_S
    blocks = plan.segments * plan.rounds
    of_cell = {
        "process": np.repeat(np.arange(plan.processes), blocks),
        "segment": np.tile(np.repeat(np.arange(plan.segments), plan.rounds), plan.processes),
        "round": np.tile(np.arange(blocks), plan.processes),
    }
    places = np.repeat(timed, times.shape[1])
    return {name: np.tile(values, len(timed)) for name, values in of_cell.items()} | {
        "case_id": _coded(places // len(METHODS), cells["case_id"].iloc[:: len(METHODS)]),
        "cell_id": _coded(places, cells["cell_id"]),
        "position": places % len(METHODS), "calls": np.full(times.size, 10), "time_s": times.ravel(), "clock": "wall",
    }  # fmt: skip


def _segments(plan: Plan, case_ids: Any, random: np.random.Generator) -> dict[str, Any]:
    each = plan.processes * plan.segments
    count = len(case_ids) * each
    started = np.arange(count) * 10**8
    interference = random.random(count) < 0.1
    return {
        "case_id": _coded(np.repeat(np.arange(len(case_ids)), each), case_ids),
        "process": np.tile(np.repeat(np.arange(plan.processes), plan.segments), len(case_ids)),
        "segment": np.tile(np.arange(plan.segments), count // plan.segments),
        "started_ns": started, "ended_ns": started + 10**8, "overhead_s": np.full(count, OVERHEAD_S),
        "interference": interference,
        "reason": [("steal 0.02 s; load 3.5" if it else None) for it in interference],
        "involuntary_switches": np.arange(count) % 7, "frequency_mhz": random.normal(2300, 50, count),
    }  # fmt: skip


def _errors(plan: Plan, timed: pd.DataFrame, random: np.random.Generator) -> dict[str, Any]:
    kinds, each = np.array((*schema.DATA, "near_optimum")), (len(schema.DATA) + 1) * plan.seeds
    places = np.repeat(np.arange(len(timed)), each)
    kind = np.tile(np.repeat(np.arange(len(kinds)), plan.seeds), len(timed))
    u = timed["dtype"].map({name: form.unit_roundoff for name, form in schema.DTYPES.items()}).to_numpy()[places]
    lost = (timed["status"] == "nonfinite").to_numpy()[places]
    n = timed["size"].to_numpy(float)[places]
    backward = np.where(lost, np.nan, n**0.25 * np.exp(random.normal(0, 0.3, len(places))))
    kappa = np.array([2.0, 3.0, 40.0])[kind]
    numbers = {name: factor * backward for name, factor in (("ulp_max", 9.0), ("ulp_mean", 1), ("ulp_p50", 0.7),
               ("ulp_p99", 4.0), ("bwd_fro_u", 1.0), ("bwd_max_u", 3.0))}  # fmt: skip
    relative = u * kappa * backward
    zero, hashes = np.zeros(len(places), "int64"), [f"{bits:016x}" for bits in random.integers(2**62, size=len(places))]
    return numbers | {
        "cell_id": _coded(places, timed["cell_id"]), "data": _coded(kind, kinds),
        "seed": np.tile(np.arange(plan.seeds), len(timed) * len(kinds)), "status": timed["status"].to_numpy()[places],
        "reference": "integer", "reference_radius_ulp": np.full(len(places), 1e-25), "rel_fro": relative,
        "rel_max": 2 * relative, "comp_max": 5 * relative, "digits": -np.log10(relative), "kappa": kappa,
        "n_nan": zero, "n_inf": 3 * lost.astype("int64"), "n_spurious": zero + lost * (kind == 1), "n_underflow": zero,
        "loss_finite": ~lost, "input_hash": hashes, "output_hash": hashes[::-1], "distinct_outputs": zero + 1,
    }  # fmt: skip


def _derivations(cells: pd.DataFrame) -> dict[str, Any]:
    forms = cells[cells["family"] == "analytic"].drop_duplicates(["problem", "wrt", "method"])
    count = len(forms)
    columns = {"problem": forms["problem"], "wrt": forms["wrt"], "form": forms["method"]}
    numbers = {"digits": np.full(count, 308.0), "points": np.full(count, 8)}
    return columns | numbers | {"verdict": "exact", "dims": "n=7", "source_hash": "ab"}


def _coded(codes: Any, names: Any) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(names, pa.string()))


def _arrow(name: str, columns: dict[str, Any]) -> pa.Table:
    """A table of the schema: one text stands for every row, what is absent is null."""
    count = max(len(values) for values in columns.values() if not isinstance(values, str))
    arrays = []
    for field in schema.arrow_schema(schema.TABLES[name]):
        values = columns.get(field.name)
        if values is None:
            arrays.append(pa.nulls(count, field.type))
        elif isinstance(values, str):
            arrays.append(_coded(np.zeros(count, "int32"), [values]))
        elif isinstance(values, pa.Array):
            arrays.append(values)
        elif pa.types.is_dictionary(field.type):
            arrays.append(pa.array(values, pa.string(), from_pandas=True).dictionary_encode())
        else:
            arrays.append(pa.array(values, field.type, from_pandas=True))
    return pa.table(arrays, schema=schema.arrow_schema(schema.TABLES[name]))


def _description(plan: Plan, cells: pd.DataFrame) -> dict[str, Any]:
    def ordered(names: Sequence[str], **facts: Any) -> dict[str, Any]:
        return {name: {"label": name, "order": order} | facts for order, name in enumerate(names)}

    peak_rates = [
        {"device": device, "threads": threads, "numerics": "ieee",
         "flops_per_s": dict.fromkeys(schema.DTYPES, 1.5 * threads * FLOPS_PER_S[device]),
         "bytes_per_s": {"1000000": 4 * BYTES_PER_S[device], "1000000000": BYTES_PER_S[device]}}
        for device, threads in CONFIGURATIONS[: plan.configurations]
    ]  # fmt: skip
    return {
        "schema_version": schema.SCHEMA_VERSION, "run_id": plan.run_id, "state": "complete", "label": None,
        "started": "2026-01-01T00:00:00Z", "command": "generated", "peak_rates": peak_rates,
        "study": {"name": "generated", "processes": plan.processes, "seeds": plan.seeds},
        "problems": ordered(list(cells["problem"].unique()), source="generated", file="generated.py", source_hash="ab"),
        "methods": {name: entry | {"family": METHODS[name][0]} for name, entry in ordered(list(METHODS)).items()},
        "versions": {"python": "3.12.1", "torch": "2.13.0"},
        "machine": {"cpu": f"Imaginary Xeon {plan.seed}", "usable_cores": 2, "memory_bytes": 8 * 2**30},
        "clock": {"wall_s": 200.0, "measuring_s": 160.0, "scoring_s": 20.0, "outside_share": 0.1},
    }  # fmt: skip
