"""Differences between two runs that affect their time ratio: the comparability key, and the rest of run.json."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.frames import Frames, flatten

UNKNOWN = "not recorded"
ONE_RUN_ONLY = "recorded by one run only"
RECORDED = ("machine", "versions", "study", "problems", "methods")
MOMENTARY = {"machine.load_1min"}
"""Values that change from minute to minute and are not reported as differences."""


@dataclass(frozen=True)
class Difference:
    """One difference between two runs: its aspect (a key of ASPECTS), what differs, and the value in each run."""

    aspect: str
    what: str
    a: str
    b: str


def _hardware(run: dict[str, Any], cells: pd.DataFrame) -> dict[str, str]:
    machine, gpus = text.mapping(run.get("machine")), _gpus(run, cells)
    found = {"computes": computes(run, cells)}
    found |= flatten({name: machine[name] for name in _OF_CPU if machine.get(name) is not None})
    for place, gpu in enumerate(gpus):
        name = f"gpu {place}" if len(gpus) > 1 else "gpu"
        found |= {f"{name} {key}": ", ".join(flatten(gpu[key]).values()) for key in _OF_GPU if gpu.get(key) is not None}
    return found


_OF_CPU = ("cpu", "cpu_flags", "cpu_caches", "usable_cores", "cpu_quota")
_OF_GPU = ("name", "compute_capability", "memory_bytes", "mig", "power_limit_mw")


def _gpus(run: dict[str, Any], cells: pd.DataFrame) -> list[dict[str, Any]]:
    """The machine's GPUs; none where no cell ran on one."""
    gpus = text.mapping(run.get("machine")).get("gpus")
    return [text.mapping(gpu) for gpu in gpus] if isinstance(gpus, list) and set(cells["device"]) - {"cpu"} else []


def computes(run: dict[str, Any], cells: pd.DataFrame) -> str:
    """Names of the processor and GPUs on which the cells of a run were computed."""
    cpu = str(text.mapping(run.get("machine")).get("cpu") or "unknown processor")
    on_gpu = [str(gpu.get("name") or "unknown GPU") for gpu in _gpus(run, cells)] or ["unknown GPU"]
    devices = set(cells["device"])
    return text.listed(
        [*([cpu] if "cpu" in devices else []), *(dict.fromkeys(on_gpu) if devices - {"cpu"} else [])] or ["nothing"]
    )


def _numerics(run: dict[str, Any], cells: pd.DataFrame) -> dict[str, str]:
    requested = {"requested": ", ".join(sorted(map(str, set(cells["numerics"]))))}
    in_force = run.get("numerics_in_force")
    return requested | (flatten(in_force) if isinstance(in_force, dict) and in_force else {})


def _software(run: dict[str, Any], cells: pd.DataFrame) -> dict[str, str]:
    torch = text.mapping(run.get("versions")).get("torch")
    drivers = {str(gpu["driver"]) for gpu in _gpus(run, cells) if gpu.get("driver")}
    return ({"torch": str(torch)} if torch else {}) | ({"gpu driver": ", ".join(sorted(drivers))} if drivers else {})


def _conditions(run: dict[str, Any], cells: pd.DataFrame) -> dict[str, str]:
    return {name: ", ".join(map(str, sorted(set(cells[name])))) for name in ("device", "threads", "cache")}


def _study(run: dict[str, Any], cells: pd.DataFrame) -> dict[str, str]:
    study = text.mapping(run.get("study"))
    return {name: str(study[name]) for name in ("name", "processes", "budget_s") if name in study}


def _source(run: dict[str, Any], cells: pd.DataFrame) -> dict[str, str]:
    entries = {
        name: text.mapping(text.mapping(run.get("problems")).get(name)) for name in dict.fromkeys(cells["problem"])
    }
    return {str(name): str(entry["source_hash"])[:12] for name, entry in entries.items() if entry.get("source_hash")}


ASPECTS: dict[str, Callable[[dict[str, Any], pd.DataFrame], dict[str, str]]] = {
    "hardware": _hardware,
    "numerics": _numerics,
    "software": _software,
    "conditions": _conditions,
    "study": _study,
    "source": _source,
}
"""The comparability key: aspect → values of a run and its cells by name. `study` holds what sets the number of blocks;
`source` the hash of each problem's source, so that two versions of a derivation are never compared unmarked."""


def differences(frames_a: Frames, frames_b: Frames) -> list[Difference]:
    """Differences between the comparability keys of two runs, by aspect; names that only one run has come last."""
    found = []
    for aspect, values in ASPECTS.items():
        a, b = (values(frames.runs[0], frames.cells) for frames in (frames_a, frames_b))
        found += [Difference(aspect, name, a[name], b[name]) for name in a if name in b and a[name] != b[name]]
        alone = [[name for name in one if name not in other] for one, other in ((a, b), (b, a))]
        if any(alone) and aspect != "source":  # a problem of one run only is reported as cells without a match
            found.append(Difference(aspect, ONE_RUN_ONLY, *(text.listed(it) if it else "nothing" for it in alone)))
    return found


def all_differences(frames_a: Frames, frames_b: Frames) -> pd.DataFrame:
    """Every difference between two runs: `aspect`, `what`, `a`, `b`; first those of the comparability key, then the
    rest of run.json (aspect `other`). A value that a run lacks reads `not recorded`.
    """
    key = [(it.aspect, it.what, it.a, it.b) for it in differences(frames_a, frames_b)]
    sides = [flatten({name: frames.runs[0].get(name) for name in RECORDED}) for frames in (frames_a, frames_b)]
    rest = [
        ("other", name, *(side.get(name, UNKNOWN) for side in sides)) for name in dict.fromkeys([*sides[0], *sides[1]])
    ]
    in_key = {row[2:] for row in key}
    rest = [row for row in rest if row[2] != row[3] and row[1] not in MOMENTARY and row[2:] not in in_key]
    return pd.DataFrame([*key, *rest], columns=["aspect", "what", "a", "b"])


def aspects(found: Iterable[Difference]) -> list[str]:
    """The aspects in which two runs differ, among the values that both recorded."""
    return list(dict.fromkeys(it.aspect for it in found if it.what != ONE_RUN_ONLY))


def one_machine(found: Iterable[Difference]) -> bool:
    """Whether two runs have the same hardware and conditions, as far as both recorded them."""
    return not {"hardware", "conditions"} & set(aspects(found))


def label(found: Iterable[Difference]) -> str:
    """What differs between the runs, in a few words for every ratio of B to A; empty where nothing does."""
    found = list(found)
    return "; ".join(_label(aspect, found) for aspect in aspects(found))


def _label(aspect: str, found: list[Difference]) -> str:
    values = {
        it.what: f"{text.short(it.b, 60)} instead of {text.short(it.a, 60)}"
        for it in found
        if it.aspect == aspect and it.what != ONE_RUN_ONLY
    }
    if aspect == "hardware":
        return f"hardware ({values.get('computes') or text.listed(list(values)[:3])})"
    if aspect == "source":
        return f"source ({text.listed(list(values)[:3])})"
    return f"{aspect} ({', '.join(f'{name} {words}' for name, words in list(values.items())[:3])})"
