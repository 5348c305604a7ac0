"""Arithmetics in which a traced graph is evaluated: balls, limbs, integers, magnitudes, bounds, polynomials.

May import graph; imports no problem or method.
"""
