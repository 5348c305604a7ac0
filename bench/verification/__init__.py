"""Is a derivation right, and if not, what is wrong with it: a problem's forms against its loss, in exact arithmetic.

A form is compared, entry by entry, with the derivative of the loss's own forward graph, both in balls, at two tuples of
distinct odd primes and several random points. Nothing is printed here.
"""

from gradiometer.verification.check import verify
from gradiometer.verification.verdict import TORCH, VERDICTS, Verdict

__all__ = ["TORCH", "VERDICTS", "Verdict", "verify"]
