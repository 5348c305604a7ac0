"""Loading of problems and release of memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from gradiometer.problems import ProblemError, load, shipped
from gradiometer.workers.channel import Answer
from gradiometer.workers.state import WorkerState
from gradiometer.workers.worker_setup import warm_up


def load_problems(state: WorkerState, request: dict[str, Any]) -> Answer:
    """Rebuild the study's problems and warm this process up on `devices`. Raises ProblemError."""
    for entry in request["problems"]:
        path, sha256 = entry["path"], entry["sha256"]
        source = shipped(entry["name"]) if path is None else load(Path(path), sha256)
        if source.sha256 != sha256:
            raise ProblemError(f"{source.path.name}: changed while the study was running; start the study again")
        state.problems[entry["name"]] = source.problem
    warm_up(request["devices"])
    return {"loaded": sorted(state.problems)}, []


def release_memory(state: WorkerState, request: dict[str, Any]) -> Answer:
    """Return unused memory of the GPU to the driver; `released_bytes` says how much."""
    return {"released_bytes": release()}, []


def release() -> int:
    """Return unused memory of the GPU to the driver, in bytes."""
    if not torch.cuda.is_initialized():
        return 0
    reserved = torch.cuda.memory_reserved()
    torch.cuda.empty_cache()
    return int(reserved - torch.cuda.memory_reserved())
