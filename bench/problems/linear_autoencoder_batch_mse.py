"""The batch autoencoder with its loss written as nn.MSELoss()(X W1ᵀ W2ᵀ, X) · n: the mean over m·n entries, times n.

The same function of its inputs as sum / m, hence the same gradients; but other roundings in autograd's graph, and a
loss that stays finite in float16 where the sum overflows.
"""

import torch

from gradiometer.problems.linear_autoencoder_batch import DIMS, GRADIENTS, SHAPES, SOURCE
from gradiometer.problems.near_optimum import near_optimum
from gradiometer.problems.problem import Problem


def loss(X, W1, W2):
    return torch.nn.functional.mse_loss((X @ W1.T) @ W2.T, X) * X.shape[1]


problem = Problem(
    name="linear_autoencoder_batch_mse",
    label="Linear autoencoder, batch, MSELoss · n",
    loss=loss,
    shapes=SHAPES,
    dims=DIMS,
    gradients=GRADIENTS,
    sample=near_optimum("X"),
    source=SOURCE,
)
