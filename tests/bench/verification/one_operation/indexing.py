"""Losses of one operation each: indexing, moves, scans and order. Operation → level, shapes of inputs, loss."""

from __future__ import annotations

import torch
from torch.nn import functional

from tests.bench.verification.one_operation.products import energy

ROWS = torch.tensor([2, 0, 2, 1])
REPEATED = torch.tensor([0, 0, 1])
GRID = torch.tensor([[0, 2, 1, 0], [1, 1, 0, 2]])
MASK = torch.tensor([True, False, True, True, False])


def cubes(x):
    """The sum of cubes; for moves of entries, whose derivative would otherwise be the input itself."""
    return (x * x * x).sum()


def assigned(x, place, value):
    """A copy of x with an assignment."""
    out = x.clone()
    out[place] = value
    return out


def made(shape, like, write):
    """Zeros after a write in place."""
    out = torch.zeros(shape, dtype=like.dtype)
    write(out)
    return out


INDEXING = {
    "x[index]": ("proved", "5 n", lambda x: cubes(x[ROWS])),
    "x[:, index]": ("proved", "n 5", lambda x: cubes(x[:, ROWS])),
    "x[index, index]": ("proved", "5 5", lambda x: cubes(x[ROWS, ROWS.flip(0)])),
    "x[index with None]": ("proved", "5 2 3", lambda x: cubes(x[ROWS, :, None])),
    "x[slice]": ("proved", "5 n", lambda x: cubes(x[1:4:2])),
    "x[...]": ("proved", "2 3 4", lambda x: cubes(x[..., -1])),
    "x[mask]": ("proved", "5", lambda x: cubes(x[MASK])),
    "x[x > 0]": ("exact", "7", lambda x: cubes(x[x > 0])),
    "assignment": ("agrees_float64", "5 4; 4", lambda x, y: cubes(assigned(x, 1, y))),
    "assignment to a slice": ("agrees_float64", "5 4; 2 4", lambda x, y: cubes(assigned(x, slice(1, 3), y))),
    "assignment at an index": ("proved", "5 4; 4 4", lambda x, y: cubes(assigned(x, ROWS[1:], y[1:]))),
    "assignment at a repeated index": ("wrong", "5; 1", lambda x, y: cubes(assigned(x, REPEATED, y * y))),
    "assignment to columns": ("proved", "3 5; 3 2", lambda x, y: cubes(assigned(x, (slice(None), ROWS[:2]), y))),
    "assignment at a mask": ("proved", "5; 3", lambda x, y: cubes(assigned(x, MASK, y))),
    "assignment of a number": ("proved", "5 4", lambda x: cubes(assigned(x, MASK, 2.0))),
    "gather": ("proved", "2 4", lambda x: cubes(x.gather(1, GRID))),
    "scatter": ("proved", "2 5; 2 3", lambda x, y: cubes(x.scatter(1, GRID[:, 1:], y * y))),
    "scatter of a number": ("proved", "2 5", lambda x: cubes(x.scatter(1, GRID, 2.0))),
    "scatter_add": ("proved", "2 5; 2 4", lambda x, y: cubes(x.scatter_add(1, GRID, y))),
    "scatter_reduce, sum": ("proved", "2 5; 2 4", lambda x, y: cubes(x.scatter_reduce(1, GRID, y, "sum"))),
    "scatter_reduce, prod": ("exact", "2 5; 2 4", lambda x, y: cubes(x.scatter_reduce(1, GRID, y, "prod"))),
    "scatter_reduce, mean": ("exact", "2 5; 2 4", lambda x, y: cubes(x.scatter_reduce(1, GRID, y, "mean"))),
    "scatter_reduce, amax": ("exact", "2 5; 2 4", lambda x, y: cubes(x.scatter_reduce(1, GRID, y, "amax"))),
    "scatter_reduce, amin": ("exact", "2 5; 2 4", lambda x, y: cubes(x.scatter_reduce(1, GRID, y, "amin"))),
    "index_select": ("proved", "5 n", lambda x: cubes(x.index_select(0, ROWS))),
    "index_add": ("proved", "3 4; 4 4", lambda x, y: cubes(x.index_add(0, ROWS, y, alpha=2))),
    "index_copy": ("proved", "3 4; 2 4", lambda x, y: cubes(x.index_copy(0, ROWS[:2], y))),
    "index_fill": ("proved", "3 4", lambda x: cubes(x.index_fill(0, ROWS[:2], 2.0))),
    "index_put, accumulating": ("proved", "5; 3", lambda x, y: cubes(x.index_put((REPEATED,), y, accumulate=True))),
    "index_reduce": ("exact", "3 4; 4 4", lambda x, y: cubes(x.index_reduce(0, ROWS, y, "mean"))),
    "masked_fill": ("proved", "5", lambda x: cubes(x.masked_fill(MASK, 2.0))),
    "masked_fill of a tensor": ("proved", "5; ", lambda x, y: cubes(x.masked_fill(MASK, y))),
    "masked_select": ("proved", "5", lambda x: cubes(x.masked_select(MASK))),
    "masked_scatter": ("proved", "5; 4", lambda x, y: cubes(x.masked_scatter(MASK, y))),
    "take": ("proved", "3 4", lambda x: cubes(x.take(GRID))),
    "take_along_dim": ("proved", "2 5", lambda x: cubes(torch.take_along_dim(x, GRID, 1))),
    "put": ("proved", "5; 3", lambda x, y: cubes(x.put(REPEATED, y, accumulate=True))),
    "embedding": ("proved", "5 n", lambda W: cubes(functional.embedding(GRID, W))),
    "embedding with padding": ("proved", "5 3", lambda W: cubes(functional.embedding(ROWS, W * W)[1:])),
    "embedding_bag, sum": ("proved", "5 3", lambda W: cubes(functional.embedding_bag(GRID, W, mode="sum"))),
    "embedding_bag, mean": ("exact", "5 3", lambda W: cubes(functional.embedding_bag(GRID, W))),
    "embedding_bag, max": ("exact", "5 3", lambda W: cubes(functional.embedding_bag(GRID, W, mode="max"))),
    "one_hot": ("proved", "4 3", lambda x: cubes(functional.one_hot(ROWS, 3).double() * x)),
    "where": ("exact", "5; 5", lambda x, y: cubes(torch.where(x > y, x, y * y))),
    "where with a number": ("exact", "5", lambda x: cubes(torch.where(x > 0, x, 0.5 * x))),
}

MOVES = {
    "tril": ("proved", "n n", lambda x: cubes(x.tril())),
    "triu": ("proved", "n n", lambda x: cubes(x.triu(1))),
    "diag of a vector": ("proved", "n; n n", lambda x, A: energy(torch.diag(x) @ A)),
    "diagonal": ("proved", "n n", lambda x: cubes(x.diagonal())),
    "diag_embed": ("proved", "2 3", lambda x: energy(torch.diag_embed(x) + 1)),
    "diagonal_scatter": ("proved", "3 3; 3", lambda x, y: cubes(x.diagonal_scatter(y))),
    "select_scatter": ("proved", "3 4; 4", lambda x, y: cubes(x.select_scatter(y, 0, 1))),
    "slice_scatter": ("proved", "4 3; 2 3", lambda x, y: cubes(x.slice_scatter(y, 0, 1, 3))),
    "cat": ("proved", "m n; k n", lambda x, y: cubes(torch.cat([x, y]))),
    "stack": ("proved", "m n; m n", lambda x, y: cubes(torch.stack([x, y]).sum(0))),
    "split": ("proved", "6 n", lambda x: cubes(x.split(2)[1])),
    "chunk": ("proved", "6 n", lambda x: cubes(x.chunk(3)[0] * x.chunk(3)[2])),
    "unbind": ("proved", "3 n", lambda x: cubes(x.unbind()[0] * x.unbind()[1])),
    "flip": ("proved", "5", lambda x: cubes(x + 2 * x.flip(0))),
    "roll": ("proved", "5", lambda x: cubes(x + 2 * x.roll(1))),
    "rot90": ("proved", "3 4; 4 3", lambda x, y: energy(torch.rot90(x) * y)),
    "repeat": ("proved", "2 3; 4 6", lambda x, y: energy(x.repeat(2, 2) * y)),
    "repeat_interleave": ("proved", "3; 6", lambda x, y: energy(x.repeat_interleave(2) * y)),
    "tile": ("proved", "2 3; 2 6", lambda x, y: energy(torch.tile(x, (1, 2)) * y)),
    "expand": ("proved", "3 1; 3 4", lambda x, y: energy(x.expand(3, 4) * y)),
    "reshape": ("proved", "2 6; 3 4", lambda x, y: energy(x.reshape(3, 4) * y)),
    "permute": ("proved", "2 3 4; 4 2 3", lambda x, y: energy(x.permute(2, 0, 1) * y)),
    "unfold of a tensor": ("proved", "7", lambda x: cubes(x.unfold(0, 3, 2))),
    "as_strided": ("proved", "7", lambda x: cubes(torch.as_strided(x.clone(), (3, 3), (2, 1)))),
    "meshgrid": ("proved", "3; 4", lambda x, y: energy(torch.mul(*torch.meshgrid(x, y, indexing="ij")))),
    "cartesian_prod": ("proved", "3; 2", lambda x, y: energy(torch.cartesian_prod(x, y).prod(1))),
    "combinations": ("proved", "4", lambda x: energy(torch.combinations(x).sum(1))),
    "writes into zeros": (
        "proved",
        "3; 3",
        lambda x, y: cubes(made(6, x, lambda out: (out[::2].copy_(x), out[1::2].add_(y)))),
    ),
}

ORDER = {
    "cumsum": ("exact", "m n", lambda x: cubes(x.cumsum(1))),
    "cumprod": ("exact", "5", lambda x: energy(x.cumprod(0))),
    "logcumsumexp": ("agrees", "5", lambda x: energy(x.logcumsumexp(0))),
    "cummax": ("exact", "7", lambda x: cubes(x.cummax(0).values)),
    "cummin": ("exact", "7", lambda x: cubes(x.cummin(0).values)),
    "prod": ("proved", "5", lambda x: x.prod() ** 2),
    "prod along a dimension": ("proved", "3 4", lambda x: energy(x.prod(1))),
    "sort": ("exact", "7; 7", lambda x, y: (x.sort().values * y).pow(2).sum()),
    "sort, descending": ("exact", "3 4; 3 4", lambda x, y: (x.sort(1, descending=True)[0] * y).pow(2).sum()),
    "msort": ("exact", "4 3; 4 3", lambda x, y: (torch.msort(x) * y).pow(2).sum()),
    "argsort": ("exact", "7; 7", lambda x, y: (x[x.argsort()] * y).pow(2).sum()),
    "topk": ("exact", "7", lambda x: cubes(x.topk(3).values)),
    "kthvalue": ("exact", "3 5", lambda x: cubes(x.kthvalue(2).values)),
    "median": ("exact", "7", lambda x: x.median() ** 2),
    "median along a dimension": ("exact", "3 5", lambda x: cubes(x.median(1).values)),
    "nanmedian": ("exact", "7", lambda x: x.nanmedian() ** 2),
    "quantile": ("exact", "8", lambda x: x.quantile(0.25) ** 2),
    "quantile along a dimension": ("exact", "3 5", lambda x: cubes(x.quantile(0.5, dim=1))),
    "nanquantile": ("exact", "8", lambda x: x.nanquantile(0.75) ** 2),
    "max": ("exact", "m n", lambda x: x.max() ** 2),
    "max along a dimension": ("exact", "m n", lambda x: cubes(x.max(1).values)),
    "min": ("exact", "m n", lambda x: x.min() ** 2),
    "amax": ("exact", "m n", lambda x: cubes(x.amax(0))),
    "amin": ("exact", "m n", lambda x: cubes(x.amin((0, 1)))),
    "aminmax": ("exact", "7", lambda x: torch.mul(*x.aminmax())),
    "maximum": ("exact", "m; m", lambda x, y: cubes(torch.maximum(x, y))),
    "minimum": ("exact", "m; m", lambda x, y: cubes(torch.minimum(x, y))),
    "fmax": ("exact", "5; 5", lambda x, y: cubes(torch.fmax(x, y))),
    "fmin": ("exact", "5; 5", lambda x, y: cubes(torch.fmin(x, y))),
    "diff": ("proved", "7", lambda x: cubes(x.diff())),
    "gradient": ("proved", "7", lambda x: cubes(torch.gradient(x)[0])),
    "trapezoid": ("proved", "5; 5", lambda y, x: torch.trapezoid(y, x) ** 2),
    "cumulative_trapezoid": ("exact", "5", lambda y: cubes(torch.cumulative_trapezoid(y))),
    "logsumexp": ("exact", "m n", lambda x: energy(x.logsumexp(1))),
    "sum": ("proved", "m n", lambda x: cubes(x.sum(0))),
    "mean": ("proved", "m n", lambda x: cubes(x.mean(1))),
    "nansum": ("exact", "3 4", lambda x: cubes(x.nansum(1))),
    "nanmean": ("exact", "3 4", lambda x: cubes(x.nanmean(1))),
    "var": ("agrees", "m n", lambda x: energy(x.var(1))),
    "std": ("agrees", "m n", lambda x: x.std(1).sum()),
    "var_mean": ("agrees", "3 4", lambda x: energy(torch.stack(torch.var_mean(x, 1)))),
    "std_mean": ("agrees", "3 4", lambda x: energy(torch.stack(torch.std_mean(x, 1))) + x.sum()),
    "renorm": ("exact", "3 4", lambda x: x.renorm(2, 0, 1.0).pow(3).sum()),
    "argmax": ("exact", "5; 5", lambda x, y: (x * y)[x.argmax()] ** 2),
}
