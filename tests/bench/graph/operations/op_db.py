"""PyTorch's own table of operations (op_db), each compared in value, derivative and backward graph.

As a script, from the root of a checkout: `python tests/bench/graph/operations/op_db.py [--op NAME]… [--jobs N]`;
`--help` lists the filters. It needs `expecttest`.
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import re
import signal
import sys
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.bench.graph.operations.op_agreement import FLOAT64_SHARE, DisagreementError, check

SAMPLES = 4
"""Samples for each operation, spread over those that are small enough."""
MOST_SAMPLES, MOST_ENTRIES, LARGEST = 60, 450, 10_000
"""Samples that are looked at, the most entries that inputs and results of a small sample have together, and the most
entries of the one sample that is used where none is small.
"""
SECONDS = 20.0
"""Time limit for each operation."""
STAGES = ("agrees", "excluded", "backward", "derivative", "forward", "samples", "time", "error")

STATISTICS = "PyTorch gives the mean and the reciprocal deviation, which are results, no derivative"
OVERWRITTEN = "PyTorch gives an entry that another one overwrites a gradient too"
EXCLUDED = {
    "_native_batch_norm_legit": STATISTICS,
    "as_strided_scatter": "PyTorch's gradient of the input is inverted (pytorch/pytorch#88105)",
    "native_batch_norm": STATISTICS,
    "native_layer_norm": STATISTICS,
    "nn.functional.hardsigmoid": "PyTorch multiplies the gradient by 1/6 rounded to float32",
    "nn.functional.max_unpool1d": OVERWRITTEN,
    "nn.functional.max_unpool2d": OVERWRITTEN,
    "nn.functional.max_unpool3d": OVERWRITTEN,
}
"""Operations whose derivative PyTorch itself computes wrongly."""


@dataclass(frozen=True)
class Result:
    """How far an operation agrees: `stage` is `agrees`, or the first that fails; `reason` says why."""

    op: str
    stage: str
    reason: str = ""


def operations():
    """Name → entry of op_db, of all entries with autograd in float64."""
    from torch.testing._internal.common_methods_invocations import op_db

    with_autograd = [op for op in op_db if op.supports_autograd and op.supports_dtype(torch.float64, "cpu")]
    return {f"{op.name}.{op.variant_test_name}".rstrip("."): op for op in with_autograd}


@dataclass(frozen=True)
class Sample:
    """A function that returns one number (a random combination of the operation's results), and its inputs.

    `share` is the largest relative difference from PyTorch's values; casts to other dtypes round.
    """

    function: object
    tensors: list[torch.Tensor]
    wrt: list[int]
    share: float

    @property
    def entries(self):
        """The number of entries of all inputs; the random weights have as many as the results."""
        return sum(tensor.numel() for tensor in self.tensors)


def _sample(op, found):
    """One sample of op_db. None where it is empty or too large, has no derivative, or is not finite."""
    leaves, spec = tree_flatten((found.input, tuple(found.args), dict(found.kwargs)))
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor)]
    tensors = [leaves[i].detach().clone() for i in places]
    wrt = [k for k, i in enumerate(places) if leaves[i].requires_grad and leaves[i].is_floating_point()]
    if (
        not wrt
        or any(t.numel() == 0 for t in tensors)
        or sum(t.numel() for t in tensors) > LARGEST
        or any(t.layout != torch.strided for t in tensors)
    ):
        return None

    def outputs(*given):
        filled = list(leaves)
        for i, tensor in zip(places, given, strict=True):
            filled[i] = tensor
        x, args, kwargs = tree_unflatten(filled, spec)
        result = op.gradcheck_wrapper(op.get_op(), x, *args, **kwargs)
        result = found.output_process_fn_grad(result) if found.output_process_fn_grad else result
        parts = [part for part in tree_flatten(result)[0] if isinstance(part, torch.Tensor)]
        parts = [torch.view_as_real(part.resolve_conj()) if part.is_complex() else part for part in parts]
        return [part for part in parts if part.is_floating_point()]

    parts = outputs(*tensors)
    shapes = [part.shape for part in parts]
    if not shapes or sum(shape.numel() for shape in shapes) > LARGEST:
        return None
    generator = torch.Generator().manual_seed(len(tensors))
    weights = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    count = len(tensors)

    def function(*given):
        return sum((part * w).sum() for part, w in zip(outputs(*given[:count]), given[count:], strict=True))

    given = [*tensors, *weights]
    variables = [t.detach().clone().requires_grad_(i in wrt) for i, t in enumerate(given)]
    value = function(*variables)
    if not value.requires_grad:
        return None
    gradient = torch.autograd.grad(value, [variables[i] for i in wrt], allow_unused=True)
    wrt = [i for i, g in zip(wrt, gradient, strict=True) if g is not None]
    is_finite = all(bool(x.isfinite().all()) for x in (value, *gradient) if x is not None)
    share = max(FLOAT64_SHARE, *(4 * torch.finfo(t.dtype).eps for t in (*parts, *tensors) if t.is_floating_point()))
    return Sample(function, given, wrt, share) if wrt and is_finite else None


def samples(op):
    """Up to SAMPLES small samples of an operation, and why there are fewer."""
    torch.manual_seed(0)
    usable, reason = [], "no sample is real, finite and differentiable"
    for found, _ in zip(op.sample_inputs("cpu", torch.float64, requires_grad=True), range(MOST_SAMPLES), strict=False):
        try:
            sample = _sample(op, found)
        except Exception as error:  # some samples are meant to fail without a gradient wrapper
            reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0]}"
            continue
        if sample is not None:
            usable.append(sample)
    small = [sample for sample in usable if sample.entries <= MOST_ENTRIES] or sorted(usable, key=Sample.entries.fget)[
        :1
    ]
    places = sorted({round(i * (len(small) - 1) / max(1, SAMPLES - 1)) for i in range(SAMPLES)}) if small else []
    return [small[i] for i in places], reason


def result_of(name, op):
    """How far an operation agrees at all of its samples."""
    if name in EXCLUDED:
        return Result(name, "excluded", EXCLUDED[name])
    chosen, reason = samples(op)
    if not chosen:
        return Result(name, "samples", reason)
    missing = ""
    for i, sample in enumerate(chosen):
        try:
            missing = check(sample.function, sample.tensors, sample.wrt, sample.share) or missing
        except DisagreementError as error:
            return Result(name, error.stage, f"{error} (sample {i + 1} of {len(chosen)})")
    return Result(name, "agrees", f"without a magnitude: {missing}" if missing else "")


def _send(connection, name, op):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    try:
        result = result_of(name, op)
    except Exception as error:
        lines = str(error).strip().splitlines() or [""]
        result = Result(name, "error", f"{type(error).__name__}: {lines[0]}")
    connection.send(result)


def limited(name, op, seconds=SECONDS):
    """`result_of` in a process of its own, which is ended after `seconds`."""
    context = multiprocessing.get_context("fork")
    receive, send = context.Pipe(duplex=False)
    process = context.Process(target=_send, args=(send, name, op), daemon=True)
    process.start()
    send.close()
    try:
        if receive.poll(seconds):
            return receive.recv()
        return Result(name, "time", f"takes more than {seconds:g} s")
    except EOFError:
        return Result(name, "time", "the process ended without a result")
    finally:
        process.kill()
        process.join()


def results(chosen, jobs=1, seconds=SECONDS):
    """The result of each operation of a dictionary, in its order, as they are known."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(lambda one: limited(*one, seconds), chosen.items())


def read(path):
    """Op → result, of a file that `write` wrote; empty where there is no such file."""
    if not Path(path).exists():
        return {}
    with Path(path).open(newline="") as file:
        return {row[0]: Result(*row) for row in csv.reader(file, delimiter="\t")}


def write(path, found):
    """Write results, one a line (op, stage, reason, separated by tabs), sorted by stage."""
    rows = sorted(found.values(), key=lambda result: (STAGES.index(result.stage), result.op.lower()))
    with Path(path).open("w", newline="") as file:
        csv.writer(file, delimiter="\t").writerows(map(astuple, rows))


def main():
    """Run the table from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--op", action="append", help="an operation, all variants; repeat for several")
    parser.add_argument("--match", help="a regular expression for names of operations")
    parser.add_argument("--part", default="1/1", help="a part of the selected operations, such as 2/6")
    parser.add_argument("--failing", action="store_true", help="only operations that fail in the file of --output")
    parser.add_argument("--output", help="a file of results; the operations that run replace their lines")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="time limit for each operation")
    parser.add_argument("--debug", action="store_true", help="run in this process and show the traceback of a failure")
    options = parser.parse_args()
    kept = read(options.output) if options.output else {}
    chosen = {
        name: op
        for name, op in operations().items()
        if (not options.op or op.name in options.op or name in options.op)
        and (not options.match or re.search(options.match, name))
        and (not options.failing or kept.get(name, Result(name, "time")).stage not in ("agrees", "excluded"))
    }
    part, parts = map(int, options.part.split("/"))
    chosen = dict(list(chosen.items())[part - 1 :: parts])
    if options.debug:
        for op in chosen.values():
            for sample in samples(op)[0]:
                check(sample.function, sample.tensors, sample.wrt, sample.share)
        return
    found = {}
    for result in results(chosen, options.jobs, options.seconds):
        found[result.op] = result
        print(f"{result.op}: {result.stage} {result.reason}".rstrip(), flush=True)
    counts = Counter(result.stage for result in found.values())
    print(f"{len(found)} operations: " + ", ".join(f"{counts[stage]} {stage}" for stage in STAGES if counts[stage]))
    if options.output:
        write(options.output, kept | found)


if __name__ == "__main__":
    main()
