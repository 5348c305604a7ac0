"""Rules that identify the mistake in a wrong gradient.

May import the rest of verification and graph.
"""
