"""One file per question about a run: the tables of a run in, insights as data out.

May import the frames and tables of analysis, and statistics; writes no sentences, no files and no figures.
"""
