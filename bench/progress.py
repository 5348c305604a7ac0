"""Progress of a study: one line that is redrawn on a terminal, and a few plain lines elsewhere."""

from __future__ import annotations

from time import perf_counter
from typing import Any

PLAIN_STEP = 10
"""Percentage points between two lines where the line cannot be redrawn."""


def duration(seconds: float) -> str:
    """`45 s`, `3 min 10 s` or `2 h 5 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


class Progress:
    """Writes to pytest's terminal reporter: percentage, current step, time left.

    `cases` is the number of cases and `estimated_s` the predicted time of all of them, used until the first has ended.
    """

    def __init__(self, config: Any, cases: int, estimated_s: float) -> None:
        self._capture = config.pluginmanager.getplugin("capturemanager")
        self._reporter = config.pluginmanager.getplugin("terminalreporter")
        self._cases, self._estimated_s = cases, estimated_s
        self._began: float | None = None
        self._next_percent = 0

    def step(self, text: str) -> None:
        """Show a step before the first case."""
        self._write(0, text)

    def case(self, done: int, case_id: str) -> None:
        """Show the case that begins after `done` others."""
        now = perf_counter()
        self._began = now if self._began is None else self._began
        each = (now - self._began) / done if done else self._estimated_s / self._cases
        left = duration(each * (self._cases - done))
        self._write(100 * done // self._cases, f"{case_id}, {left} left")

    def end(self) -> None:
        """Remove the line that is redrawn."""
        if self._is_redrawn():
            self._print("\r\x1b[K")

    def _is_redrawn(self) -> bool:
        reporter = self._reporter
        return bool(reporter is not None and reporter.isatty and reporter.verbosity <= 0)

    def _write(self, percent: int, text: str) -> None:
        line = f"{percent:3d}% {text}"
        if self._is_redrawn():
            self._print(f"\r\x1b[K{line[: self._reporter._tw.fullwidth - 1]}")
        elif percent >= self._next_percent:
            self._print(f"\n{line}")
            self._next_percent = percent // PLAIN_STEP * PLAIN_STEP + (PLAIN_STEP if percent or self._began else 0)

    def _print(self, text: str) -> None:
        if self._reporter is None:
            return
        if self._capture is None:
            self._reporter.write(text, flush=True)
            return
        with self._capture.global_and_fixture_disabled():
            self._reporter.write(text, flush=True)
