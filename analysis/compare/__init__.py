"""Comparison of two runs: matched cells, their time ratios and precision, statements about both, and the page.

May import frames, statistics, drawing, insights and the report's tables and writer; imports no run and no torch.
"""
