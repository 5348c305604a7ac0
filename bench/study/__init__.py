"""The study file, the expansion of its grids to cells, the plan for this machine, and the description of the run.

Measures nothing. May import problems, methods, storage and machine.
"""
