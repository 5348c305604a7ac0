"""The batch autoencoder with its loss as nn.MSELoss()(X W1ᵀ W2ᵀ, X) · n: the mean over m·n entries, times n.

The loss equals the sum of squares divided by m, so the gradients are those of linear_autoencoder_batch. Autograd rounds
differently here, and the mean stays finite in float16 where the sum overflows.
"""

from dataclasses import replace

from torch.nn.functional import mse_loss

from gradiometer.problems import linear_autoencoder_batch


def loss(X, W1, W2):
    return mse_loss((X @ W1.T) @ W2.T, X) * X.shape[1]


problem = replace(
    linear_autoencoder_batch.problem,
    name="linear_autoencoder_batch_mse",
    label="Linear autoencoder, batch, MSELoss · n",
    loss=loss,
)
