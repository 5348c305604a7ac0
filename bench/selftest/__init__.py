"""Proof of what timing on this machine can detect, on callables whose ratio is known.

May import timing, machine, statistics and storage.
"""
