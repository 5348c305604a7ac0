"""Arithmetics over which a traced graph is evaluated: balls, limbs, integers, magnitudes, error bounds, polynomials.

May import graph and `storage.schema`.
"""
