"""Description of this machine, interference while measuring, GPU state, numeric switches and peak rates.

Imports no problem, method or study.
"""
