"""Timing that can be trusted: clocks, the interleaved engine, the worker processes, and what disturbs them."""
