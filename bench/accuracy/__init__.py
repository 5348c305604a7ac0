"""Certified references, error metrics, worst-case bounds, and the scoring of gradients against references.

May import graph, methods, problems and storage.
"""
