"""The exact derivative of a traced scalar function, as a graph, from one rule per operation.

May import graph only.
"""
