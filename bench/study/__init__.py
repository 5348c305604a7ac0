"""What a study asks for: the study file, its grid of cases, and the plan of what can run on this machine.

Measures nothing. May import problems, methods and storage.
"""
