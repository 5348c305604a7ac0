"""Arithmetics over which a traced graph is evaluated: balls, limbs, magnitudes, error bounds, polynomials.

May import graph and `storage.schema`.
"""
