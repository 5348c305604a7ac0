"""Tracing of PyTorch functions to aten graphs, the exact derivative of a graph, and evaluation in other arithmetics.

May import `storage.schema` and `errors` only. To support an operation, add one function to an arithmetic's table.
"""
