"""Services of a worker: each is a function of the worker's state and a request, and returns an answer.

May import every measuring package.
"""

from collections.abc import Callable
from typing import Any

from gradiometer.workers.channel import Answer
from gradiometer.workers.services.count import cost_of_methods, flops_of_methods, rates_of_machine
from gradiometer.workers.services.repeat import find_stored_results
from gradiometer.workers.services.score import recheck_form, score_draw
from gradiometer.workers.services.time import time_callables, time_methods
from gradiometer.workers.services.upkeep import load_problems, release_memory
from gradiometer.workers.services.verify import verify_forms
from gradiometer.workers.state import WorkerState

SERVICES: dict[str, Callable[[WorkerState, dict[str, Any]], Answer]] = {
    "load": load_problems,
    "verify": verify_forms,
    "peak_rates": rates_of_machine,
    "time": time_methods,
    "measure": time_callables,
    "count": flops_of_methods,
    "cost": cost_of_methods,
    "repeat": find_stored_results,
    "score": score_draw,
    "recheck": recheck_form,
    "release": release_memory,
}
"""The `do` of a request → the function that answers it."""
