"""The report of one or more runs: page, tables, Markdown, templates.

May import every other part of analysis; the only place that writes report files.
"""
