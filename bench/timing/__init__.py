"""The timing engine: clocks, the allocation of calls, interleaved measurement, and `measure`, its use as a library.

May import machine, and workers for measuring in several processes; knows no problem, method or study.
"""

from gradiometer.timing.measuring import CandidateError, Workers, measure

__all__ = ["CandidateError", "Workers", "measure"]
