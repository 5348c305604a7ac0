"""Base class of the errors that a user can cause, and the message for packages that are not installed."""

MEASURING_PACKAGES = ("torch", "pytest", "pytest_benchmark", "pydantic", "flint", "psutil", "threadpoolctl", "pynvml")
"""Import names of the packages in the extra `measure`."""


class GradiometerError(ValueError):
    """Bad input: one line that says what was expected, what was found and what to do.

    Every error that a user can cause derives from this class. Any other exception is a bug and keeps its traceback.
    """


class ProblemError(GradiometerError):
    """A problem, or the file that defines it, cannot be used."""


def missing_packages(name: str | None) -> str:
    """Message for a package of the extra `measure` that is not installed."""
    return f"measuring needs {name}, which is not installed; run: pip install 'gradiometer[measure]'"
