"""Description of this machine, interference while measuring, GPU state, numeric switches and peak rates.

May import timing's clocks, but no problem, method or study.
"""
