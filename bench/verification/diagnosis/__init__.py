"""Rules that identify the mistake in a wrong gradient, from its values and from the graph of the exact derivative.

May import the rest of verification and graph.
"""
