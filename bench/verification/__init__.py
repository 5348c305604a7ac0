"""Verdicts on hand-written gradients: each form of a problem against the exact derivative of its loss.

May import graph, problems, methods, accuracy and workers; prints nothing.
"""

from gradiometer.verification.verdict import TORCH, VERDICTS, Verdict
from gradiometer.verification.verify_forms import verify

__all__ = ["TORCH", "VERDICTS", "Verdict", "verify"]
