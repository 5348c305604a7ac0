"""`gradiometer selftest`: runs the trials, stores their rows and prints what they show."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch

from gradiometer.machine import description, software
from gradiometer.machine.summary import interference_sources
from gradiometer.selftest import trials as experiments
from gradiometer.selftest.assessment import lines, smallest_differences
from gradiometer.selftest.trials import Trial, frame_of
from gradiometer.storage.durable import write_json

QUICK_TRIALS = 8
SLOWEST_SHARE = 0.4
"""Share of the trials for experiments in fresh processes, which take ten seconds each."""

Experiment = Callable[[], Iterable[Trial]]


def quick() -> dict[str, Experiment]:
    """Experiments of about a minute in all."""
    return {
        "identical functions": lambda: experiments.null_pairs(QUICK_TRIALS),
        "different functions in fresh processes": lambda: experiments.distinct_pairs(1),
        "small differences": lambda: experiments.small_differences(QUICK_TRIALS),
    }


def proof(trials: int) -> dict[str, Experiment]:
    """Experiments that test every target: about 25 minutes for 100 trials."""
    runs = max(1, round(SLOWEST_SHARE * trials))
    return {
        "identical functions": lambda: experiments.null_pairs(trials),
        "identical functions on a busy machine": lambda: experiments.null_pairs(trials, "loaded"),
        "different functions in fresh processes": lambda: experiments.distinct_pairs(runs),
        "known ratios": lambda: experiments.known_ratios(2 * trials),
        "small differences": lambda: experiments.small_differences(trials),
        "beside a function that empties the caches": lambda: experiments.beside_a_hostile_candidate(runs),
    }


def selftest(trials: int | None, out: Path) -> int:
    """Run the quick experiments, or all of them with so many trials, and print what they show.

    Writes `trials.parquet` and `selftest.json` into a new folder under `out`.
    """
    torch.set_num_threads(1)
    found: list[Trial] = []
    for name, experiment in (quick() if trials is None else proof(trials)).items():
        found += _counted(name, experiment())
    frame = frame_of(found)
    shown = [str(line) for line in lines(frame)]
    print("\n".join([*shown, *(f"Interference: {source}" for source in interference_sources())]))
    now = datetime.datetime.now(datetime.UTC)
    folder = out / f"selftest-{now:%Y%m%dt%H%M%S}"
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / "trials.parquet", index=False, compression="zstd")
    about = {
        "machine": description.describe(),
        "versions": software.versions(),
        "smallest_difference": smallest_differences(frame),
        "shown": shown,
    }
    write_json(folder / "selftest.json", about)
    print(f"Rows: {folder / 'trials.parquet'}")
    return 0


def _counted(name: str, trials: Iterable[Trial]) -> Iterator[Trial]:
    """The trials. On a terminal, the number of the current one is shown."""
    for number, trial in enumerate(trials, 1):
        if sys.stderr.isatty():
            print(f"\r{name}: {number}  ", end="", file=sys.stderr, flush=True)
        yield trial
    if sys.stderr.isatty():
        print("\r" + " " * (len(name) + 12) + "\r", end="", file=sys.stderr, flush=True)
