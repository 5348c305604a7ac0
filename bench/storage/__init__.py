"""Row schema and run folders: the contract between measuring and analysis.

May import `statistics` and `errors` only, and never torch.
"""
