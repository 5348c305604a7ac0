"""English sentences for what other folders state as data: runs, comparisons and figures.

May import insights and text formatting; computes nothing.
"""
