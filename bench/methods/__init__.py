"""The ways to compute a gradient: the generic ones, an entry of METHODS each, and hand-written forms.

Imports torch and gradiometer.errors; problems are built on it.
"""

from gradiometer.methods.central_difference import central_difference
from gradiometer.methods.cuda_graph import cuda_graph
from gradiometer.methods.form import Form, as_form, parameters_of, prepare_form
from gradiometer.methods.functional_jacobian import jacobian, jacobian_forward, jacobian_vectorized
from gradiometer.methods.method import Call, Make, Method, Objective, objective
from gradiometer.methods.torch_autograd import autograd, backward
from gradiometer.methods.torch_func import func_grad, func_vjp, jacfwd, jacrev

__all__ = [
    "METHODS", "Call", "Form", "Make", "Method", "Objective", "as_form", "objective", "parameters_of", "prepare_form",
]  # fmt: skip

METHODS: dict[str, Method] = {
    "autograd": Method(autograd, "reverse", "autograd.grad"),
    "backward": Method(backward, "reverse", ".backward()"),
    "jacobian": Method(jacobian, "reverse", "functional.jacobian"),
    "jacobian_vectorized": Method(jacobian_vectorized, "reverse", "functional.jacobian, vectorize"),
    "jacobian_forward": Method(jacobian_forward, "forward", "functional.jacobian, forward mode", 1, batched=True),
    "func_grad": Method(func_grad, "reverse", "func.grad"),
    "func_vjp": Method(func_vjp, "reverse", "func.vjp"),
    "jacrev": Method(jacrev, "reverse", "func.jacrev"),
    "jacfwd": Method(jacfwd, "forward", "func.jacfwd", 1, batched=True),
    "central_difference": Method(central_difference, "numeric", "central difference", 2),
    "cuda_graph": Method(cuda_graph, "reverse", "autograd.grad, CUDA graph, inputs in place", device="cuda"),
}
"""Name → method. To add one, write its function and add an entry here."""
