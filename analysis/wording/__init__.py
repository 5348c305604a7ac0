"""English sentences for what other folders state as data: comparisons and figures.

May import text formatting; computes nothing.
"""
