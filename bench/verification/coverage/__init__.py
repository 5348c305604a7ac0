"""What the points of a verification cover: tuples of dimensions, and the sides of branches.

May import graph, problems and the rest of verification, except what decides verdicts.
"""
