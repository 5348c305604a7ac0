"""Row schema and run folders: the contract between measuring and analysis.

Imports neither torch nor any other part of the measuring half.
"""
