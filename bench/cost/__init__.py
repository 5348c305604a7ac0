"""Cost of a call: floating-point operations, bytes, memory, and the forecast of its time.

May import graph, methods, problems, study and the case instances of workers.
"""
