"""Verification of a problem's forms."""

from __future__ import annotations

import dataclasses
from typing import Any

from gradiometer.verification import verify
from gradiometer.workers.channel import Answer
from gradiometer.workers.state import WorkerState


def verify_forms(state: WorkerState, request: dict[str, Any]) -> Answer:
    """The verdicts on all forms of one wrt, or on one form of it."""
    state.watch.enter(0)
    found = verify(state.problems[request["problem"]], request["wrt"], request["form"], request["seed"])
    return {"verdicts": [dataclasses.asdict(verdict) for verdict in found]}, []
