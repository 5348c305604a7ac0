"""Derivative of a traced scalar function, as a graph of its own.

May import graph only.
"""
