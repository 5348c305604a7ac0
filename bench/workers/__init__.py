"""Worker processes: start, supervise and replace them, and the services that they offer.

A problem's code runs here and nowhere else. May import every measuring package.
"""
