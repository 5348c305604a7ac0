"""Base class of the errors that a user can cause."""


class GradiometerError(ValueError):
    """Bad input: one line that says what was expected, what was found and what to do.

    Every error that a user can cause derives from this class. Any other exception is a bug and keeps its traceback.
    """


class ProblemError(GradiometerError):
    """A problem, or the file that defines it, cannot be used."""
