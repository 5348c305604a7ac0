"""Checks of what gradients return in float64 and other dtypes, against worst-case rounding errors.

May import graph, problems and the rest of verification, except what decides verdicts.
"""
