"""The shipped problems, one file and one entry of PROBLEMS each, and what a user's problem is made of.

May import methods, errors and the schema.
"""

from gradiometer.errors import ProblemError
from gradiometer.problems import linear_autoencoder, linear_autoencoder_batch, linear_autoencoder_batch_mse
from gradiometer.problems.problem import Form, Problem
from gradiometer.problems.source import Source, load, shipped, sources_for

__all__ = ["PROBLEMS", "Form", "Problem", "ProblemError", "Source", "load", "shipped", "sources_for"]

PROBLEMS: dict[str, Problem] = {
    module.problem.name: module.problem
    for module in (linear_autoencoder, linear_autoencoder_batch, linear_autoencoder_batch_mse)
}
"""Name → problem. To add one, write its file and list its module here."""
