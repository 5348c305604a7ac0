"""Gradiometer's measuring half: derivations in, rows out.

Nothing is imported here, so that `bench.schema`, `bench.store` and `bench.statistics` cost no torch:
`analysis/` reads rows with them on machines that have none.
"""
