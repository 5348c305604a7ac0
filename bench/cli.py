"""The command line `gradiometer VERB`. Verbs import what they need when they run, so `--help` is fast."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gradiometer.analysis import cli as reading
from gradiometer.errors import MEASURING_PACKAGES, GradiometerError, missing_packages

if TYPE_CHECKING:
    from gradiometer.study.plan import Plan, PlannedCell
    from gradiometer.workers.processes import WorkerProcess

COUNT_LIMIT_S = 10.0
"""Time limit for counting the operations of one case, which takes milliseconds unless a form hangs."""


def _list(arguments: argparse.Namespace) -> int:
    from gradiometer.methods import METHODS
    from gradiometer.problems import PROBLEMS
    from gradiometer.study.study_file import STUDIES, find

    print("problems")
    for name, problem in PROBLEMS.items():
        print(f"  {name}: {problem.label}; {problem.source}")
        for wrt in problem.wrts:
            print(f"    {wrt}: {', '.join(problem.forms(wrt))}")
    print("methods")
    for name, method in METHODS.items():
        where = f", only on {method.device}" if method.device else ""
        print(f"  {name}: {method.label} ({method.family}{where})")
    print("studies")
    for name in STUDIES:
        study = find(name)
        sizes = sorted({size for grid in study.grid for size in grid.sizes})
        print(f"  {name}: sizes {', '.join(map(str, sizes))}; {study.processes} processes, {study.budget_s:g} s a case")
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from gradiometer import problems
    from gradiometer.verification.client import load_request, verdicts_on
    from gradiometer.verification.coverage.dimensions import new_seed
    from gradiometer.verification.verdict import TORCH
    from gradiometer.workers.processes import WorkerProcess

    exit_status = 0
    sources: dict[str, problems.Source] = {}
    for name in arguments.problem or list(problems.PROBLEMS):
        try:
            source = problems.load(Path(name)) if name.endswith(".py") else problems.shipped(name)
            if source.problem.name in sources:
                raise problems.ProblemError(f"{name}: a problem named {source.problem.name!r} was given before")
            sources[source.problem.name] = source
        except problems.ProblemError as error:
            print(f"not usable: {error}", file=sys.stderr)
            exit_status = 2
    if not sources:
        return exit_status
    hashes = " ".join(source.sha256 for source in sources.values())
    seed = new_seed(hashes) if arguments.seed is None else arguments.seed
    worker = WorkerProcess(load_request(sources.values(), []))
    try:
        for source in sources.values():
            for verdict in verdicts_on(source, worker, seed=seed):
                print(verdict.text)
                if not verdict.is_right and verdict.form != TORCH:
                    exit_status = max(exit_status, 2 if verdict.verdict == "unchecked" else 1)
    finally:
        worker.stop()
    print(f"seed {seed}; repeat with --seed {seed}")
    return exit_status


def _new(arguments: argparse.Namespace) -> int:
    from gradiometer.template import write

    print(write(arguments.name, Path.cwd()))
    return 0


def _notebook(arguments: argparse.Namespace) -> int:
    from gradiometer.notebook import norms

    print(f"The four norms of the original notebook, float32, seed {arguments.seed}; relative to the gradient's norm.")
    for norm in norms(arguments.seed):
        relative = norm.difference / norm.gradient
        name = f"{norm.problem:<28} {norm.wrt}"
        print(f"  {name}   ‖by hand − jacobian‖ = {norm.difference:.3e}   relative {relative:.1e}")
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    from gradiometer import problems
    from gradiometer.machine.limits import free_memory_bytes
    from gradiometer.study import grid, study_file

    asked = study_file.find(arguments.study)
    sources = problems.sources_for([Path(name) for name in arguments.problem])
    limits = grid.Limits(free_memory_bytes())
    plan = grid.plan(asked, sources, limits, problems_replaced=bool(arguments.problem))
    if arguments.verbose:
        _plan_details(plan, sources)
    else:
        print("\n".join(_plan_summary(plan)))
    cells = f"{len(plan.cases)} cases, {len(plan.cells)} cells"
    memory = f"largest cell {plan.memory_bytes / 1e9:.2g} GB"
    print(f"study {asked.name}: {cells}, estimated time {plan.estimated_s / 60:.1f} min, {memory}")
    return 0


def _plan_summary(plan: Plan) -> list[str]:
    """A table with a row for each problem × wrt × device."""
    from gradiometer.analysis.terminal import aligned

    groups: dict[tuple[str, str, str], list[PlannedCell]] = {}
    for cell in plan.cells:
        groups.setdefault((cell.case.problem.name, cell.case.wrt, cell.case.device), []).append(cell)
    rows: list[tuple[str, ...]] = [("problem", "wrt", "device", "sizes", "dtypes", "cases", "to measure", "skipped")]
    for key, cells in groups.items():
        sizes = sorted({cell.case.size for cell in cells})
        counts = (
            len({cell.case.case_id for cell in cells}),
            sum(cell.status == "ok" for cell in cells),
            sum(cell.status != "ok" for cell in cells),
        )
        ends = f"{sizes[0]}–{sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
        rows.append((*key, ends, str(len({cell.case.dtype for cell in cells})), *map(str, counts)))
    return aligned(rows, right=range(4, 8))


def _plan_details(plan: Plan, sources: dict[str, Any]) -> None:
    from gradiometer.verification.client import load_request
    from gradiometer.workers.processes import WorkerProcess

    worker = WorkerProcess(load_request(sources.values(), []))
    try:
        for cells in plan.cases.values():
            ready = [cell for cell in cells if cell.status == "ok"]
            dims = " ".join(f"{name}={value}" for name, value in cells[0].case.dims.items())
            parts = [f"{dims}; {len(ready)} of {len(cells)} methods", *_work(ready, worker)]
            print(f"{cells[0].case.case_id}: {'; '.join(parts)}")
            for cell in cells:
                if cell.status != "ok":
                    print(f"    {cell.method}: {cell.status}, {cell.reason}")
    finally:
        worker.stop()


def _work(ready: Sequence[PlannedCell], worker: WorkerProcess) -> Iterator[str]:
    """Bytes, flops (counted in a worker) and predicted memory of the cells of a case: least and most."""
    from gradiometer.workers.processes import WorkerDied, WorkerFailed

    if not ready:
        return
    case = ready[0].case
    yield f"{case.bytes():,} bytes in and out"
    request = {"do": "count", "case": case.request(), "methods": [cell.method for cell in ready]}
    with contextlib.suppress(WorkerDied, WorkerFailed):
        answer, _ = worker.ask(request, COUNT_LIMIT_S)
        counted = sorted((flops, name) for name, flops in answer["flops"].items() if flops is not None)
        ends = [f"{flops:.2g} ({name})" for flops, name in dict.fromkeys([*counted[:1], *counted[-1:]])]
        if ends:
            yield f"{' to '.join(ends)} flops"
    most = max(ready, key=lambda cell: case.memory_bytes(cell.method)).method
    yield f"{case.memory_bytes(most) / 1e6:.2g} MB at most ({most})"


def _machine(arguments: argparse.Namespace) -> int:
    from gradiometer.analysis.terminal import aligned
    from gradiometer.machine.description import describe
    from gradiometer.machine.software import versions
    from gradiometer.machine.summary import summary

    machine = describe()
    if arguments.json:
        print(json.dumps({"machine": machine, "versions": versions()}, indent=1, ensure_ascii=False))
    else:
        print("\n".join(aligned(summary(machine))))
    return 0


def _selftest(arguments: argparse.Namespace) -> int:
    from gradiometer.selftest.command import selftest

    return selftest(arguments.trials, arguments.out)


def _recover(arguments: argparse.Namespace) -> int:
    from gradiometer.analysis.frames import find
    from gradiometer.storage.recover import recover
    from gradiometer.storage.tables import DAMAGED

    found = recover(find(arguments.run, reading.RESULTS))
    print(f"{arguments.run}: recovered, {', '.join(f'{count} {status}' for status, count in found.statuses.items())}")
    if found.lost_lines:
        lines = ", ".join(map(str, found.lost_lines))
        print(f"damaged lines of the journal left out: {lines} (kept in {DAMAGED})", file=sys.stderr)
    return 0


def _seed(text: str) -> int:
    """A seed between 0 and 2^62 − 1. Raises ArgumentTypeError."""
    if not text.isdigit() or int(text) >= 2**62:
        raise argparse.ArgumentTypeError(f"expected an integer from 0 to 2^62 - 1, found {text!r}")
    return int(text)


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from importlib.metadata import version

        print(f"gradiometer {version('gradiometer')}")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gradiometer",
        description="Check, measure and time hand-written gradients in PyTorch.",
        epilog="A study runs with: pytest --benchmark-only [--study NAME|FILE.toml] [--problem FILE.py]",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, action: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(action=action, usage_error=added.error)
        return added

    verify = verb("verify", _verify, "check each gradient; exit 0 if all are right, 1 if some are wrong, 2 otherwise")
    verify.add_argument("problem", nargs="*", metavar="FILE.py|NAME", help="default: every shipped problem")
    verify.add_argument("--seed", type=_seed, metavar="N", help="dimensions and points of an earlier verification")
    new = verb("new", _new, "write a short problem file to start from")
    new.add_argument("name", metavar="NAME")
    verb("list", _list, "list problems, forms, methods and studies")
    plan = verb("plan", _plan, "show what a study measures, what it skips and how long it takes")
    plan.add_argument("study", nargs="?", default="quick", metavar="STUDY", help="a name or a TOML file")
    plan.add_argument("--problem", action="append", default=[], metavar="FILE.py", help="a problem of your own")
    plan.add_argument("-v", "--verbose", action="store_true", help="list every case and the reason of every skip")
    machine = verb("machine", _machine, "describe this machine and what interferes with timing on it")
    machine.add_argument("--json", action="store_true", help="print every fact that a run records")
    notebook = verb("notebook", _notebook, "print the four norms of the original notebook")
    notebook.add_argument("--seed", type=int, default=0)
    selftest = verb("selftest", _selftest, "find the smallest timing difference this machine can detect (one minute)")
    selftest.add_argument("--trials", type=int, metavar="N", help="test every target in N trials (100: 25 minutes)")
    selftest.add_argument("-o", dest="out", type=Path, default=reading.RESULTS, metavar="DIR", help="default: results")
    recover = verb("recover", _recover, "recover an interrupted run")
    recover.add_argument("run", metavar="RUN", help="a run folder, or its name in results/")
    reading.add_verbs(verb)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb of `gradiometer`."""
    return run(_parser(), arguments)


def run(parser: argparse.ArgumentParser, arguments: Sequence[str] | None) -> int:
    """Run the verb that `arguments` name; return its exit status, or 2 after a line on stderr for bad input."""
    parsed = parser.parse_args(arguments)
    try:
        status = int(parsed.action(parsed))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of a pipe, such as head, has stopped reading
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except GradiometerError as error:
        message = str(error)
    except ModuleNotFoundError as error:
        if error.name not in MEASURING_PACKAGES:
            raise
        message = missing_packages(error.name)
    except OSError as error:
        hint = "; give a folder that can be written with -o" if hasattr(parsed, "out") else ""
        message = f"{error.filename or ''}: {error.strerror or error}{hint}".removeprefix(": ")
    print(f"error: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
