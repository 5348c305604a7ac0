"""Timing: clocks, the interleaved engine, worker processes, disturbances. `measure` is the engine as a library."""

from bench.timing.measuring import ArmError, Workers, measure

__all__ = ["ArmError", "Workers", "measure"]
