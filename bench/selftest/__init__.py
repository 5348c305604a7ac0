"""What timing on this machine can resolve, shown on callables whose ratio is known: `python -m bench selftest`."""
