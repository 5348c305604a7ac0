"""Cost of a call: floating-point operations, bytes, memory, and the forecast of its time.

May import graph, methods and problems.
"""
