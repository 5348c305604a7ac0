"""Timing: clocks, the interleaved engine, worker processes, interference. `measure` is the engine as a library."""

from gradiometer.timing.measuring import CandidateError, Workers, measure

__all__ = ["CandidateError", "Workers", "measure"]
