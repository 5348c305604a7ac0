"""What has to be alike for a ratio of two runs to be about one thing: hardware, numerics, software. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analysis import text
from analysis.frames import Frames, flatten

UNKNOWN = "not recorded"
RECORDED = ("machine", "versions", "study", "problems", "methods")
PASSING = {"machine.load_1min"}
"""State that differs from one minute to the next, and explains nothing afterwards."""


@dataclass(frozen=True)
class Difference:
    """One thing that two runs do not have alike: its aspect (a key of ASPECTS), what it is, and what each run has."""

    aspect: str
    what: str
    a: str
    b: str


def _hardware(run: dict[str, Any], cells: pd.DataFrame) -> dict[str, str]:
    machine = _mapping(run.get("machine"))
    names = ("cpu", "cpu_flags", "cpu_caches", "usable_cores", "cpu_quota")
    told = flatten({name: machine[name] for name in names if machine.get(name) is not None})
    told = {"computes": _computes(machine, cells)} | told
    if set(cells["device"]) == {"cpu"}:
        return told  # a GPU that nothing ran on
    gpus = machine.get("gpus")
    shown = [_mapping(gpu) for gpu in gpus] if isinstance(gpus, list) else []
    for place, gpu in enumerate(shown):
        for name in ("name", "compute_capability", "memory_bytes", "mig", "power_limit_mw"):
            if gpu.get(name) is not None:
                told |= flatten(gpu[name], f"gpu {place} {name}" if len(shown) > 1 else f"gpu {name}")
    return told


def _computes(machine: dict[str, Any], cells: pd.DataFrame) -> str:
    """What the cells ran on, by name: the processor, the GPUs, or both."""
    gpus = machine.get("gpus")
    names = [str(_mapping(gpu).get("name")) for gpu in gpus] if isinstance(gpus, list) else []
    on_cpu = [str(machine.get("cpu") or "unknown processor")] if "cpu" in set(cells["device"]) else []
    on_gpu = names or ["unknown GPU"] if set(cells["device"]) - {"cpu"} else []
    return text.listed([*on_cpu, *dict.fromkeys(on_gpu)] or ["nothing"])


def _numerics(run: dict[str, Any], cells: pd.DataFrame) -> dict[str, str]:
    asked = {"asked for": ", ".join(sorted(map(str, set(cells["numerics"]))))}
    in_force = run.get("numerics_in_force")
    return asked | (flatten(in_force) if isinstance(in_force, dict) and in_force else {})


def _software(run: dict[str, Any], cells: pd.DataFrame) -> dict[str, str]:
    versions, machine = _mapping(run.get("versions")), _mapping(run.get("machine"))
    told = {"torch": str(versions["torch"])} if versions.get("torch") else {}
    drivers = {str(gpu["driver"]) for gpu in machine.get("gpus") or [] if _mapping(gpu).get("driver")}
    return told | ({"gpu driver": ", ".join(sorted(drivers))} if drivers and set(cells["device"]) != {"cpu"} else {})


def _conditions(run: dict[str, Any], cells: pd.DataFrame) -> dict[str, str]:
    return {name: ", ".join(map(str, sorted(set(cells[name])))) for name in ("device", "threads", "cache")}


ASPECTS: dict[str, Callable[[dict[str, Any], pd.DataFrame], dict[str, str]]] = {
    "hardware": _hardware,
    "numerics": _numerics,
    "software": _software,
    "conditions": _conditions,
}
"""The comparability key: aspect → what a run and its cells say of it, by name."""


def differences(frames_a: Frames, frames_b: Frames) -> list[Difference]:
    """Where the comparability keys of two runs differ, by aspect; what one run did not record is `not recorded`."""
    found = []
    for aspect, told in ASPECTS.items():
        a, b = (told(frames.runs[0], frames.cells) for frames in (frames_a, frames_b))
        for name in dict.fromkeys([*a, *b]):
            sides = (a.get(name, UNKNOWN), b.get(name, UNKNOWN))
            if sides[0] != sides[1]:
                found.append(Difference(aspect, name, *sides))
    return found


def recorded(frames_a: Frames, frames_b: Frames) -> pd.DataFrame:
    """All that the two runs tell differently: `aspect`, `what`, `a`, `b`; first the comparability key, then the rest of
    run.json (aspect `other`). What one of them does not tell reads `not recorded`.
    """
    key = [(it.aspect, it.what, it.a, it.b) for it in differences(frames_a, frames_b)]
    sides = [flatten({name: frames.runs[0].get(name) for name in RECORDED}) for frames in (frames_a, frames_b)]
    rest = [
        ("other", name, *(side.get(name, UNKNOWN) for side in sides)) for name in dict.fromkeys([*sides[0], *sides[1]])
    ]
    told = {row[2:] for row in key}
    rest = [row for row in rest if row[2] != row[3] and row[1] not in PASSING and row[2:] not in told]
    return pd.DataFrame([*key, *rest], columns=["aspect", "what", "a", "b"])


def one_machine(found: Iterable[Difference]) -> bool:
    """Whether two runs are of one machine under the same conditions, as far as they tell; their software may differ."""
    return not {"hardware", "conditions"} & {it.aspect for it in found}


def same_computation(found: Iterable[Difference]) -> bool:
    """Whether nothing is known to make the two runs compute differently: no numerics that both recorded and differ."""
    return not [it for it in found if it.aspect == "numerics" and UNKNOWN not in (it.a, it.b)]


def label(found: Iterable[Difference]) -> str:
    """What every ratio of B over A crosses, in a few words; empty where the keys are alike."""
    found = list(found)
    parts = [words for aspect in ASPECTS if (words := _label(aspect, [it for it in found if it.aspect == aspect]))]
    return "; ".join(parts)


def _label(aspect: str, found: list[Difference]) -> str:
    if not found:
        return ""
    told = {it.what: f"{text.short(it.b, 60)} against {text.short(it.a, 60)}" for it in found}
    if aspect == "hardware":
        shown = told.get("computes") or f"by {text.listed(list(told)[:3])}"
        return f"other hardware ({shown})"
    if aspect == "numerics":
        known = {it.what: told[it.what] for it in found if UNKNOWN not in (it.a, it.b)}
        if not known:
            return "numerics in force not recorded in both"
        return f"other numerics ({', '.join(f'{name}: {words}' for name, words in list(known.items())[:3])})"
    return ", ".join(f"{name} {words}" for name, words in told.items())


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
