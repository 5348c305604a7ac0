"""One file per question about a run: a frame in, insights out.

May import frames and statistics; writes no files and draws no figures.
"""
