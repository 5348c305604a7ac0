"""Comparison of two runs: matched cells, their time ratios and precision, statements about both, and the page.

May import frames, statistics, drawing, insights and the report's tables and writer; reads no run folder by itself.
"""
