"""Differences that come from rounded constants of a program, and the closed forms of such constants.

May import graph and the differences of verification.
"""
