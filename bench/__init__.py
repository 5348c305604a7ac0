"""Check, measure and time hand-written gradients in PyTorch.

`Problem` and `Form` describe a loss and its gradients, `verify` checks them, `measure` times callables against each
other, and `load` reads run folders. Names are imported on first use, so `import gradiometer` needs neither torch nor
pandas, and an installation without the extra `measure` can read and report runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gradiometer.analysis.frames import load
    from gradiometer.errors import GradiometerError
    from gradiometer.problems.problem import Form, Problem
    from gradiometer.timing.measuring import measure
    from gradiometer.verification.verify_forms import verify

__all__ = ["Form", "GradiometerError", "Problem", "load", "measure", "verify"]

_MODULES = {
    "Form": "problems.problem",
    "GradiometerError": "errors",
    "Problem": "problems.problem",
    "load": "analysis.frames",
    "measure": "timing.measuring",
    "verify": "verification.verify_forms",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("gradiometer")
    if name not in _MODULES:
        raise AttributeError(f"module 'gradiometer' has no attribute {name!r}")
    try:
        return getattr(import_module(f"gradiometer.{_MODULES[name]}"), name)
    except ModuleNotFoundError as error:
        from gradiometer.errors import MEASURING_PACKAGES, missing_packages

        if error.name not in MEASURING_PACKAGES:
            raise
        raise ModuleNotFoundError(missing_packages(error.name), name=error.name) from None
