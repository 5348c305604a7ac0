"""What has to be alike for a ratio of two runs to be about one thing: hardware, numerics, software. No torch here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from gradiometer.analysis import text
from gradiometer.analysis.frames import Frames, flatten

UNKNOWN = "not recorded"
ALONE = "told by one run alone"
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
    machine, gpus = _mapping(run.get("machine")), _gpus(run, cells)
    told = {"computes": computes(run, cells)}
    told |= flatten({name: machine[name] for name in _OF_CPU if machine.get(name) is not None})
    for place, gpu in enumerate(gpus):
        name = f"gpu {place}" if len(gpus) > 1 else "gpu"
        told |= {f"{name} {key}": ", ".join(flatten(gpu[key]).values()) for key in _OF_GPU if gpu.get(key) is not None}
    return told


_OF_CPU = ("cpu", "cpu_flags", "cpu_caches", "usable_cores", "cpu_quota")
_OF_GPU = ("name", "compute_capability", "memory_bytes", "mig", "power_limit_mw")


def _gpus(run: dict[str, Any], cells: pd.DataFrame) -> list[dict[str, Any]]:
    """The GPUs that cells ran on; one that nothing ran on does not matter."""
    told = _mapping(run.get("machine")).get("gpus")
    return [_mapping(gpu) for gpu in told] if isinstance(told, list) and set(cells["device"]) - {"cpu"} else []


def computes(run: dict[str, Any], cells: pd.DataFrame) -> str:
    """What the cells of a run ran on, by name: the processor, the GPUs, or both."""
    cpu = str(_mapping(run.get("machine")).get("cpu") or "unknown processor")
    on_gpu = [str(gpu.get("name") or "unknown GPU") for gpu in _gpus(run, cells)] or ["unknown GPU"]
    devices = set(cells["device"])
    return text.listed(
        [*([cpu] if "cpu" in devices else []), *(dict.fromkeys(on_gpu) if devices - {"cpu"} else [])] or ["nothing"]
    )


def _numerics(run: dict[str, Any], cells: pd.DataFrame) -> dict[str, str]:
    asked = {"asked for": ", ".join(sorted(map(str, set(cells["numerics"]))))}
    in_force = run.get("numerics_in_force")
    return asked | (flatten(in_force) if isinstance(in_force, dict) and in_force else {})


def _software(run: dict[str, Any], cells: pd.DataFrame) -> dict[str, str]:
    torch = _mapping(run.get("versions")).get("torch")
    drivers = {str(gpu["driver"]) for gpu in _gpus(run, cells) if gpu.get("driver")}
    return ({"torch": str(torch)} if torch else {}) | ({"gpu driver": ", ".join(sorted(drivers))} if drivers else {})


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
    """Where the comparability keys of two runs differ, by aspect; last what one run alone tells (ALONE)."""
    found = []
    for aspect, told in ASPECTS.items():
        a, b = (told(frames.runs[0], frames.cells) for frames in (frames_a, frames_b))
        found += [Difference(aspect, name, a[name], b[name]) for name in a if name in b and a[name] != b[name]]
        alone = [[name for name in one if name not in other] for one, other in ((a, b), (b, a))]
        if any(alone):
            found.append(Difference(aspect, ALONE, *(text.listed(names) if names else "nothing" for names in alone)))
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
    """Whether two runs are of one machine under the same conditions, as far as both tell; their software may differ."""
    return not {it.aspect for it in found if it.what != ALONE} & {"hardware", "conditions"}


def same_computation(found: Iterable[Difference]) -> bool:
    """Whether no numerics that both runs tell differ."""
    return "numerics" not in {it.aspect for it in found if it.what != ALONE}


def label(found: Iterable[Difference]) -> str:
    """What every ratio of B over A crosses, in a few words; empty where the keys are alike."""
    found = list(found)
    parts = (_label(aspect, [it for it in found if it.aspect == aspect]) for aspect in ASPECTS)
    return "; ".join(filter(None, parts))


def _label(aspect: str, found: list[Difference]) -> str:
    told = {it.what: f"{text.short(it.b, 60)} against {text.short(it.a, 60)}" for it in found if it.what != ALONE}
    if not told:
        return "numerics in force not told by both" if found and aspect == "numerics" else ""
    if aspect == "hardware":
        return f"other hardware ({told.get('computes') or f'its {text.listed(list(told)[:3])}'})"
    few = [f"{name} {words}" for name, words in list(told.items())[:3]]
    return f"other {aspect} ({', '.join(few)})"


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
