"""A function in ordinary torch, traced once to an aten graph, then evaluated over another arithmetic.

`trace` makes the graph, `adjoint` differentiates it exactly, `evaluate` walks it, and each arithmetic is one table of
operations in one file: `balls` (any operation, a proved radius), `limbs` and `integers` (exact, for products and sums),
`magnitudes` (how large the terms of a sum were), `polynomials` (degree and denominator). `enclosure` picks arithmetic
and precision. Adding an operation is one function and its entry in an arithmetic's table.
"""
