"""Worker processes: start, supervise and replace them, and the requests that they answer.

A problem's code runs here and nowhere else. May import every measuring package.
"""
