"""`python -m bench selftest`: runs the trials, keeps their rows, says what they show."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch

from gradiometer.machine import description
from gradiometer.selftest import trials as experiments
from gradiometer.selftest.assessment import lines
from gradiometer.selftest.trials import Trial, frame_of
from gradiometer.storage import store

QUICK_TRIALS = 8
SLOWEST_SHARE = 0.4
"""Of the trials, so many are runs in fresh processes, which take ten seconds each."""

Experiment = Callable[[], Iterable[Trial]]


def quick() -> dict[str, Experiment]:
    """About a minute."""
    return {
        "null pairs": lambda: experiments.null_pairs(QUICK_TRIALS),
        "distinct pairs in fresh processes": lambda: experiments.distinct_pairs(1),
        "small differences": lambda: experiments.small_differences(QUICK_TRIALS),
    }


def proof(trials: int) -> dict[str, Experiment]:
    """Every target: about 25 minutes for 100 trials."""
    runs = max(1, round(SLOWEST_SHARE * trials))
    return {
        "null pairs": lambda: experiments.null_pairs(trials),
        "null pairs beside a spinner": lambda: experiments.null_pairs(trials, "spinner"),
        "distinct pairs in fresh processes": lambda: experiments.distinct_pairs(runs),
        "known ratios": lambda: experiments.known_ratios(2 * trials),
        "small differences": lambda: experiments.small_differences(trials),
        "beside a cache-hostile candidate": lambda: experiments.beside_a_hostile_candidate(runs),
    }


def against_peers(trials: int) -> dict[str, Experiment]:
    """Ours and the others in one shuffled run."""
    from gradiometer.selftest.peers import peers

    return {"peers": lambda: peers(trials)}


def selftest(trials: int | None, with_peers: bool, out: Path) -> int:
    """Run, write `trials.parquet` and `selftest.json` into a folder under `out`, print what was found."""
    torch.set_num_threads(1)
    chosen = quick() if trials is None else proof(trials)
    if with_peers:
        chosen |= against_peers(max(QUICK_TRIALS, (trials or 0) // 3))
    found: list[Trial] = []
    for name, experiment in chosen.items():
        found += _told(name, experiment())
    frame = frame_of(found)
    shown = lines(frame)
    for line in shown:
        print(line)
    now = datetime.datetime.now(datetime.UTC)
    folder = out / f"selftest-{now:%Y%m%dt%H%M%S}"
    folder.mkdir(parents=True, exist_ok=True)
    frame.to_parquet(folder / "trials.parquet", index=False, compression="zstd")
    about = {
        "machine": description.describe(),
        "versions": description.versions(),
        "shown": [str(line) for line in shown],
    }
    store.write_json(folder / "selftest.json", about)
    print(f"rows: {folder / 'trials.parquet'}")
    return 0


def _told(name: str, trials: Iterable[Trial]) -> Iterator[Trial]:
    """The trials, with their number on a terminal."""
    for number, trial in enumerate(trials, 1):
        if sys.stderr.isatty():
            print(f"\r{name}: {number}  ", end="", file=sys.stderr, flush=True)
        yield trial
    if sys.stderr.isatty():
        print("\r" + " " * (len(name) + 12) + "\r", end="", file=sys.stderr, flush=True)
