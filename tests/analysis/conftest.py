"""Run folders with known true times, written by the storage of the package."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradiometer.storage import schema
from gradiometer.storage.journal import CaseRecord, Journal
from gradiometer.storage.tables import build_tables

SIZES = (8, 32, 128, 512)
PROCESSES, SEGMENTS, SAMPLES = 4, 3, 2
NOISE = {"process": 0.004, "segment": 0.006, "sample": 0.01}
OVERHEAD_S = 40e-9

METHODS = {
    "textbook": "analytic", "factored": "analytic", "gram": "analytic", "gram_prepared": "analytic",
    "autograd": "reverse", "backward": "reverse", "jacobian": "reverse", "jacobian_vectorized": "reverse",
    "func_grad": "reverse", "func_vjp": "reverse", "jacrev": "reverse",
    "jacobian_forward": "forward", "jacfwd": "forward", "central_difference": "numeric",
}  # fmt: skip

ONE, BATCH = "linear_autoencoder", "linear_autoencoder_batch"
GENERIC_S = {
    "autograd": 0, "backward": 4e-6, "jacobian": 27e-6, "jacobian_vectorized": 100e-6, "func_grad": 104e-6,
    "func_vjp": 96e-6, "jacrev": 200e-6,
}  # fmt: skip
SETUP_S = 3e-3


def truth(problem: str, method: str, n: int) -> float | None:
    """Seconds of a call; None where the method does not exist for the problem."""
    if method in ("jacobian_forward", "jacfwd"):
        return 200e-6 + 1e-6 * n**2
    if method == "central_difference":
        return 60e-6 * n**2 / 4
    if problem == ONE:
        generic = 50e-6 + 3e-10 * n**2
        own = {"textbook": 8e-6 + 2.2e-11 * n**3, "factored": 10e-6 + 2.5e-10 * n**2}
    else:
        generic = 55e-6 + 2e-11 * n**3
        own = {
            "textbook": 9e-6 + 2.2e-11 * n**3, "factored": 12e-6 + 1.9e-11 * n**3,
            "gram": 14e-6 + 3e-11 * n**3, "gram_prepared": 11e-6 + 1.2e-11 * n**3,
        }  # fmt: skip
    return own.get(method, generic + GENERIC_S[method] if method in GENERIC_S else None)


def failure(method: str, size: int, dtype: str) -> tuple[str, str | None]:
    if method in ("jacobian_forward", "jacfwd") and size == 512:
        return "skipped", "predicted memory 16.0 GiB, of 7.8 GiB"
    if method == "central_difference" and size >= 128:
        return "skipped", "predicted 12 s a call"
    if method == "jacrev" and dtype == "bfloat16":
        return "unsupported", "no such operation for bfloat16"
    return "ok", None


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What to synthesise. `scale` multiplies every time; `edit` may change run.json; `statuses` method → failure."""

    name: str = "synthetic"
    sizes: tuple[int, ...] = SIZES
    grids: tuple[tuple[str, str, str], ...] = (
        (ONE, "W1", "float32"), (ONE, "W1", "float64"), (ONE, "W1", "float16"), (ONE, "W1", "bfloat16"),
        (ONE, "W2", "float32"), (ONE, "W1+W2", "float32"), (BATCH, "W1", "float32"), (BATCH, "W2", "float32"),
    )  # fmt: skip
    device: str = "cpu"
    threads: int = 1
    scale: float = 1.0
    seed: int = 0
    samples_per_size: int = 0
    edit: Callable[[dict[str, Any]], Any] = lambda run: None
    statuses: dict[str, tuple[str, str | None]] = dataclasses.field(default_factory=dict)
    truth: Callable[[str, str, int], float | None] = truth
    work: Callable[[str, int], tuple[int | None, int | None]] = lambda method, size: (None, None)
    """Flops and bytes of a call."""


def describe(recipe: Recipe) -> dict[str, Any]:
    labels = {ONE: "Linear autoencoder, one sample", BATCH: "Linear autoencoder, a batch"}
    run = {
        "schema_version": 1, "run_id": recipe.name, "state": "running", "label": None,
        "started": "2026-01-01T00:00:00Z", "command": "pytest --benchmark-only --study quick",
        "study": {"name": "quick", "processes": PROCESSES, "budget_s": 200.0, "grid": [{"sizes": list(recipe.sizes)}]},
        "problems": {
            name: {"label": label, "source": "notebook", "order": order, "file": f"{name}.py", "source_hash": "ab"}
            for order, (name, label) in enumerate(labels.items())
        },
        "methods": {
            name: {"label": name, "family": family, "order": order}
            for order, (name, family) in enumerate(METHODS.items())
        },
        "versions": {"python": "3.12.1", "torch": "2.13.0", "numpy": "2.4.6"},
        "machine": {"cpu": "Imaginary Xeon", "usable_cores": 2, "cpu_flags": ["avx2", "fma"], "memory_bytes": 8 * 2**30,
                    "gpus": None, "unread": {"gpus": "NVMLError_LibraryNotFound"}},
        "peak_rates": None, "clock": {"wall_s": 200.0, "measuring_s": 160.0, "scoring_s": 20.0, "outside_share": 0.1},
    }  # fmt: skip
    recipe.edit(run)
    return run


def plan(recipe: Recipe) -> Iterator[schema.Cell]:
    blank: dict[str, Any] = dict.fromkeys(schema.columns(schema.Cell))
    for (problem, wrt, dtype), size, (method, family) in itertools.product(recipe.grids, recipe.sizes, METHODS.items()):
        if recipe.truth(problem, method, size) is None:
            continue
        m = recipe.samples_per_size * size or 1
        suffix = f"_m{m}" if recipe.samples_per_size else ""
        case = f"{problem}-{wrt}-n{size}{suffix}-{dtype}-{recipe.device}-{recipe.threads}t-ieee-hot"
        status, reason = recipe.statuses.get(method) or failure(method, size, dtype)
        yield schema.Cell(**blank | {
            "run_id": recipe.name, "cell_id": f"{case}-{method}", "case_id": case, "problem": problem, "wrt": wrt,
            "method": method, "family": family, "size": size, "dims": f"m={m} n={size} p={size // 2}",
            "parameters": size * size // 2, "dtype": dtype, "device": recipe.device, "threads": recipe.threads,
            "numerics": "ieee", "cache": "hot", "status": status, "reason": reason, "samples": 0, "processes": 0,
            "setup_s": SETUP_S if method == "gram_prepared" else None,
            **dict(zip(("flops", "bytes"), recipe.work(method, size), strict=True)),
        })  # fmt: skip


def record(recipe: Recipe, case_id: str, cells: list[schema.Cell], random: np.random.Generator) -> CaseRecord:
    samples: dict[str, list[Any]] = {name: [] for name in schema.columns(schema.Sample) if name != "run_id"}
    segments, errors = [], []
    of_process = random.normal(0, NOISE["process"], PROCESSES)
    for process, segment in itertools.product(range(PROCESSES), range(SEGMENTS)):
        interference = process == 0 and segment == 1
        segments.append(schema.Segment(
            recipe.name, case_id, process, segment, 0, 10**9, OVERHEAD_S, interference,
            "steal" if interference else None, *[None] * 5,
        ))  # fmt: skip
        for position, cell in enumerate(cells):
            if cell.status not in schema.TIMED_STATUSES:
                continue
            time_s = recipe.truth(cell.problem, cell.method, cell.size)
            assert time_s is not None
            drift = of_process[process] + random.normal(0, NOISE["segment"])
            for block in range(SAMPLES):
                noisy = recipe.scale * time_s * np.exp(drift + random.normal(0, NOISE["sample"])) + OVERHEAD_S
                row = (case_id, cell.cell_id, process, segment, block, position, 10, noisy, "wall")
                for column, value in zip(samples, row, strict=True):
                    column_values = samples[column]
                    column_values.append(value)
    for cell in cells:
        if cell.status in schema.TIMED_STATUSES:
            errors += list(score(recipe, cell, random))
    return CaseRecord(case_id, cells, samples, segments, errors)


def score(recipe: Recipe, cell: schema.Cell, random: np.random.Generator) -> Iterator[schema.Error]:
    u = schema.DTYPES[cell.dtype].unit_roundoff
    scale = {"textbook": 3.0, "gram": 2.0, "gram_prepared": 2.0, "central_difference": u**-0.3}.get(cell.method, 1.0)
    data_scale = {"uniform": 1.0, "normal": 1.5, "near_optimum": 40.0 if cell.method.startswith("gram") else 8.0}
    for data, seed in itertools.product((*schema.DATA, "near_optimum"), range(3)):
        overflows = cell.dtype == "float16" and cell.size == 512
        error = None if cell.dtype == "float64" or overflows else float(
            u * scale * data_scale[data] * cell.size**0.25 * np.exp(random.normal(0, 0.1))
        )  # fmt: skip
        blank: dict[str, Any] = dict.fromkeys(schema.columns(schema.Error))
        yield schema.Error(**blank | {
            "run_id": recipe.name, "cell_id": cell.cell_id, "data": data, "seed": seed, "status": cell.status,
            "reference": None if cell.dtype == "float64" else "float64", "rel_fro": error,
            "digits": None if error is None else min(-math.log10(u), -math.log10(error)),
            "n_nan": 0, "n_inf": int(overflows),
        })  # fmt: skip


def synthesise(parent: Path, recipe: Recipe = Recipe()) -> Path:
    """A whole run folder under `parent`, as a run leaves it."""
    random = np.random.default_rng(recipe.seed)
    cells = list(plan(recipe))
    folder = parent / recipe.name
    journal = Journal(folder, describe(recipe), cells)
    for case_id, of_case in itertools.groupby(cells, key=lambda cell: cell.case_id):
        journal.append(record(recipe, case_id, list(of_case), random))
    journal.close()
    build_tables(folder, state="complete")
    return folder


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesise(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="session")
def make_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`make_run(scale=2.0, …)`: another run folder, by the fields of `Recipe`."""
    return lambda **fields: synthesise(tmp_path_factory.mktemp("results"), Recipe(**fields))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A browser without a window; skips where there is none, unless GRADIOMETER_BROWSER says that there must be."""
    must = os.environ.get("GRADIOMETER_BROWSER") == "required"
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium and not must:
        pytest.skip("needs a browser: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        launched.close()
