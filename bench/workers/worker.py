"""A worker process: rebuilds problems from their names and files, measures its share of every case, computes gradients.

Started as `python -m gradiometer.workers.worker CHANNEL_FD WATCH_FD`. It gets names and numbers, never objects; whatever goes
wrong in a problem's code ends here, in a status and a reason, or in this process's own end.
"""

from __future__ import annotations

import dataclasses
import os
import random
import sys
import zlib
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from gradiometer.accuracy.bounds import Bounds
from gradiometer.accuracy.gradients import bits_of, digest_of, mismatch
from gradiometer.accuracy.reference import References
from gradiometer.cost import memory
from gradiometer.cost.count_cost import count_cost
from gradiometer.cost.counts import Counts
from gradiometer.machine import interference, numerics
from gradiometer.machine.peak_rates import peak_rates
from gradiometer.methods import Make
from gradiometer.problems import Problem, ProblemError, load, shipped
from gradiometer.storage.schema import BASELINE, TIMED_DATA, TIMED_SEED
from gradiometer.timing import measuring
from gradiometer.timing.candidate import nothing
from gradiometer.timing.clocks import clocks_for
from gradiometer.timing.engine import Engine
from gradiometer.timing.preparation import timed_preparation
from gradiometer.verification import verify
from gradiometer.workers.case_instance import CaseInstance
from gradiometer.workers.channel import Channel, Watch
from gradiometer.workers.worker_setup import freeze_gc, limit_resources, warm_up

UNSUPPORTED = ("not implemented for", "not supported for", "does not support", "could not run 'aten::",
               "stream is capturing", "error during capture")  # fmt: skip
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


def failure_of(error: BaseException) -> tuple[str, str]:
    """Status and one-line reason of an exception that a method raised."""
    first = (str(error).strip().splitlines() or [""])[0]
    text = f"{type(error).__name__}: {first}"[:300]
    words = str(error).lower()
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(mark in words for mark in OUT_OF_MEMORY):
        return "oom", text
    if isinstance(error, NotImplementedError) or any(mark in words for mark in UNSUPPORTED):
        return "unsupported", text
    return "error", text


class Worker:
    """Answers the coordinator's requests, one at a time."""

    def __init__(self, channel: Channel, watch: Watch) -> None:
        self.channel, self.watch = channel, watch
        self.problems: dict[str, Problem] = {}
        self.references, self.bounds, self.counts = References(), Bounds(), Counts()
        self.requests: dict[str, Callable[[dict[str, Any]], None]] = {
            "load": self.load,
            "time": self.time,
            "measure": self.measure,
            "gradients": self.gradients,
            "count": self.count,
            "weigh": self.weigh,
            "peak_rates": self.peak_rates,
            "verify": self.verify,
        }

    def serve(self) -> None:
        """Until the other end closes."""
        while True:
            try:
                request, _ = self.channel.receive()
            except EOFError:
                return
            try:
                self.requests[request["do"]](request)
            except (BrokenPipeError, ConnectionError):
                return
            except Exception as error:
                status, reason = failure_of(error)
                self.channel.send({"failed": status, "reason": reason})
            finally:
                self.watch.enter(-1)
                numerics.switch(numerics.DEFAULT)

    def load(self, request: dict[str, Any]) -> None:
        """Rebuild the study's problems and warm this process up."""
        for entry in request["problems"]:
            path, sha256 = entry["path"], entry["sha256"]
            source = shipped(entry["name"]) if path is None else load(Path(path), sha256)
            if source.sha256 != sha256:
                raise ProblemError(f"{source.path.name}: changed while the study was running; start the study again")
            self.problems[entry["name"]] = source.problem
        warm_up(request["devices"])
        self.channel.send({"loaded": sorted(self.problems)})

    def _configure(self, threads: int, products: str) -> None:
        torch.set_num_threads(threads)
        numerics.switch(products)

    def _setting(self, request: dict[str, Any], data: str, seed: int) -> CaseInstance:
        case = request["case"]
        self._configure(case["threads"], case["numerics"])
        return CaseInstance(self.problems[case["problem"]], case, data, seed)

    def time(self, request: dict[str, Any]) -> None:
        """This process's share of a case: samples and segments, what failed, and the gradients that were timed."""
        deadline = perf_counter() + request["budget_s"]
        names, process = request["methods"], request["process"]
        self.watch.enter(-1)
        setting = self._setting(request, TIMED_DATA, TIMED_SEED)
        if not setting.is_drawn:
            raise ProblemError(f"sample draws no {TIMED_DATA} data, on which methods are timed; return at least {{}}")
        is_cuda = request["case"]["device"] == "cuda"
        clocks = clocks_for(request["case"]["device"], request["case"]["cache"])
        interference.watch(request["case"]["device"])
        makes: dict[str, Make] = {}
        failures: dict[str, tuple[str, str]] = {}
        setup_s: dict[str, float] = {}
        peaks: dict[str, int] = {}
        for index, name in enumerate(names):
            self.watch.enter(index)
            try:
                resident = memory.allocated() if is_cuda else 0
                if setting.prepares(name):
                    synchronize = torch.cuda.synchronize if is_cuda else nothing
                    makes[name], setup_s[name] = timed_preparation(partial(setting.prepare, name), synchronize)
                else:
                    makes[name] = setting.prepare(name)
                if is_cuda:
                    kept = memory.allocated() - resident
                    call = makes[name]()
                    call()
                    if (peak := memory.peak_of(call, kept)) is not None:
                        peaks[name] = peak
            except Exception as error:
                failures[name] = failure_of(error)
        outputs: dict[str, list[bytes]] = {name: [] for name in makes}

        def observe(name: str, result: Any) -> None:
            bits = bits_of(result)
            if bits not in outputs[name]:
                outputs[name].append(bits)

        engine = Engine(
            makes, BASELINE, clocks, random.Random(f"{request['case_id']} {process}"),
            lambda name: self.watch.enter(names.index(name)), failure_of, observe,
        )  # fmt: skip
        if makes:
            engine.run(deadline)
        candidates = engine.candidates.values()
        failures |= {candidate.name: candidate.failure for candidate in candidates if candidate.failure}
        columns = engine.samples.columns
        columns["candidate"] = [names.index(name) for name in columns["candidate"]]
        results = {
            candidate.name: candidate.result
            for candidate in candidates
            if request["return_gradients"] and not candidate.failure
        }
        returned, blobs = self._pack(results, setting.point)
        self.channel.send(
            {
                "samples": columns,
                "segments": engine.segments,
                "failures": failures,
                "setup_s": setup_s,
                "numerics": numerics.switches(),
                "peak_memory_bytes": peaks,
                "hashes": {name: sorted(map(zlib.crc32, found)) for name, found in outputs.items()},
                "gradients": returned,
            },
            blobs,
        )
        freeze_gc()

    def measure(self, request: dict[str, Any]) -> None:
        """This process's share of a measurement of callables that are no gradients."""
        deadline = perf_counter() + request["budget_s"]
        names = list(request["candidates"])
        torch.set_num_threads(1)
        freeze_gc()
        self.channel.send(measuring.answer(request, deadline, lambda name: self.watch.enter(names.index(name))))

    def gradients(self, request: dict[str, Any]) -> None:
        """Untimed gradients of one draw by the methods asked for, and the reference."""
        setting = self._setting(request, request["data"], request["seed"])
        if not setting.is_drawn:
            self.channel.send({"undrawn": f"the problem cannot draw {request['data']} data"})
            return
        names: list[str] = request["methods"]
        found: dict[str, Any] = {}
        failures: dict[str, tuple[str, str]] = {}
        for index, name in enumerate(names):
            self.watch.enter(index)
            try:
                found[name] = setting.gradient(name)
            except Exception as error:
                failures[name] = failure_of(error)
        self.watch.enter(len(names))
        returned, blobs = self._pack(found, setting.point)
        dims, dtype, exact_forms = setting.case["dims"], setting.case["dtype"], request["exact_forms"]
        reference = self.references.of(setting.problem, setting.wrt, dims, setting.rounded, dtype, exact_forms)
        parts = [part for part in (reference.hi, reference.lo, reference.terms) if part is not None]
        bounds = self._bounds(setting, request["bounded"])
        self.channel.send(
            {
                "gradients": returned,
                "failures": failures,
                "loss_finite": setting.loss_is_finite(),
                "input_hash": setting.input_hash,
                "reference": {"kind": reference.kind, "radius_ulp": reference.radius_ulp, "parts": len(parts)},
                "bounds": list(bounds),
            },
            [*blobs, *(bound.tobytes() for bound in bounds.values()), *(part.tobytes() for part in parts)],
        )

    def _bounds(self, setting: CaseInstance, methods: list[str]) -> dict[str, Any]:
        """Worst-case bounds hold for the CPU's kernels and IEEE products alone."""
        case = setting.case
        if case["device"] != "cpu" or case["numerics"] != "ieee":
            return {}
        dims, dtype = case["dims"], case["dtype"]
        return self.bounds.of(setting.problem, case["wrt"], dims, setting.rounded, dtype, methods)

    def count(self, request: dict[str, Any]) -> None:
        """What a call of each method would do; nothing is drawn or computed."""
        case = request["case"]
        where = (self.problems[case["problem"]], case["wrt"], case["dims"])
        self.channel.send({"flops": {name: self.counts.of(*where, name) for name in request["methods"]}})

    def weigh(self, request: dict[str, Any]) -> None:
        """What a call of each method does, reads and holds; untimed."""
        setting = self._setting(request, TIMED_DATA, TIMED_SEED)
        self.channel.send(count_cost(setting, request["methods"], self.counts, self.watch.enter))

    def peak_rates(self, request: dict[str, Any]) -> None:
        """What this machine can do at most in one configuration."""
        self._configure(request["threads"], request["numerics"])
        self.channel.send(dict(peak_rates(request["device"], request["dtypes"])))

    def verify(self, request: dict[str, Any]) -> None:
        """The verdicts on the forms of one wrt, or on one of them."""
        self.watch.enter(0)
        verdicts = verify(self.problems[request["problem"]], request["wrt"], request["form"])
        self.channel.send({"verdicts": [dataclasses.asdict(verdict) for verdict in verdicts]})

    @staticmethod
    def _pack(found: Mapping[str, Any], point: tuple[torch.Tensor, ...]) -> tuple[dict[str, Any], list[bytes]]:
        """Gradients as bytes, in the order of the inputs; a gradient that does not fit sends its mismatch instead."""
        returned, blobs = {}, []
        for name, gradient in found.items():
            why = mismatch(gradient, point)
            returned[name] = {"mismatch": why, "hash": None if why else digest_of(gradient)}
            if why is None:
                blobs.append(bits_of(gradient))
        return returned, blobs


def main() -> None:
    """Serve the coordinator on the descriptors given."""
    channel_fd, watch_fd = int(sys.argv[1]), int(sys.argv[2])
    limit_resources()
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a problem's prints must not reach the coordinator's terminal
        os.dup2(nowhere.fileno(), 1)
    Worker(Channel(Connection(channel_fd)), Watch(watch_fd)).serve()


if __name__ == "__main__":
    main()
