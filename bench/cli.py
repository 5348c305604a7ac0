"""`python -m bench VERB`: everything that is not a study. Verbs import torch where they need it, so help is quick."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gradiometer.study.plan import PlannedCell
    from gradiometer.workers.processes import WorkerProcess

COUNT_LIMIT_S = 10.0
"""What a case's calls do is counted in milliseconds; a form that hangs meanwhile costs its case these seconds."""


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
        where = f", on {method.device} alone" if method.device else ""
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
    worker = WorkerProcess(load_request(sources.values(), []))
    try:
        for source in sources.values():
            for verdict in verdicts_on(source, worker):
                print(verdict.text)
                exit_status = max(exit_status, {"unchecked": 2, "wrong": 1}.get(verdict.verdict, 0))
    finally:
        worker.stop()
    return exit_status


def _new(arguments: argparse.Namespace) -> int:
    from gradiometer.template import write

    print(write(arguments.name, Path.cwd()))
    return 0


def _notebook(arguments: argparse.Namespace) -> int:
    from gradiometer.notebook import norms

    print(
        f"The notebook's four norms, float32, seed {arguments.seed}: absolute, and relative to the gradient's own norm."
    )
    for norm in norms(arguments.seed):
        relative = norm.difference / norm.gradient
        print(
            f"  {norm.problem:<28} {norm.wrt}   ‖by hand − jacobian‖ = {norm.difference:.3e}   relative {relative:.1e}"
        )
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    from collections import Counter

    from gradiometer import problems
    from gradiometer.machine.limits import free_memory_bytes
    from gradiometer.study import grid, study_file
    from gradiometer.verification.client import load_request
    from gradiometer.workers.processes import WorkerProcess

    asked = study_file.find(arguments.study)
    sources = problems.sources_for([Path(name) for name in arguments.problem])
    limits = grid.Limits(free_memory_bytes())
    plan = grid.plan(asked, sources, limits, problems_replaced=bool(arguments.problem))
    counts = Counter(cell.status for cell in plan.cells)
    print(f"study {asked.name}: {len(plan.cases)} cases, {len(plan.cells)} cells ({_counted(counts)})")
    worker = WorkerProcess(load_request(sources.values(), []))
    try:
        for cells in plan.cases.values():
            ready = [cell for cell in cells if cell.status == "ok"]
            dims = " ".join(f"{name}={value}" for name, value in cells[0].case.dims.items())
            told = [f"{dims}; {len(ready)} of {len(cells)} methods", *_work(ready, worker)]
            print(f"{cells[0].case.case_id}: {'; '.join(told)}")
            for cell in cells:
                if cell.status != "ok":
                    print(f"    {cell.method}: {cell.status}, {cell.reason}")
    finally:
        worker.stop()
    print(f"estimated time {plan.estimated_s / 60:.1f} min, largest cell {plan.memory_bytes / 1e9:.2g} GB")
    return 0


def _work(ready: Sequence[PlannedCell], worker: WorkerProcess) -> Iterator[str]:
    """What the cells of a case read and write, do (counted in a worker), and are predicted to hold: least and most."""
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


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {'to measure' if status == 'ok' else status}" for status, count in counts.items())


def _machine(arguments: argparse.Namespace) -> int:
    from gradiometer.machine.description import describe
    from gradiometer.machine.software import versions
    from gradiometer.machine.summary import interference_sources

    found = {"machine": describe(), "versions": versions()}
    print(json.dumps(found, indent=1, ensure_ascii=False))
    warnings = interference_sources()
    for warning in warnings:
        print(f"disturbs timing: {warning}", file=sys.stderr)
    if not warnings:
        print("nothing was seen that disturbs timing", file=sys.stderr)
    return 0


def _selftest(arguments: argparse.Namespace) -> int:
    from gradiometer.selftest.command import selftest

    return selftest(arguments.trials, arguments.out)


def _recover(arguments: argparse.Namespace) -> int:
    from gradiometer.storage.recover import recover
    from gradiometer.storage.tables import DAMAGED

    found = recover(Path(arguments.run))
    print(f"{arguments.run}: recovered, {', '.join(f'{count} {status}' for status, count in found.statuses.items())}")
    if found.lost_lines:
        lines = ", ".join(map(str, found.lost_lines))
        print(f"damaged lines of the journal left out: {lines} (kept in {DAMAGED})", file=sys.stderr)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Studies run by: pytest --benchmark-only")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, action: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(action=action)
        return added

    verb("list", _list, "problems, forms, methods, studies")
    verify = verb("verify", _verify, "is each derivation right: 0 all, 1 some wrong, 2 not usable or not checkable")
    verify.add_argument("problem", nargs="*", metavar="FILE.py|NAME", help="default: every shipped problem")
    new = verb("new", _new, "the short file that a problem of your own starts from")
    new.add_argument("name", metavar="NAME")
    notebook = verb("notebook", _notebook, "the notebook's four norms, at its own sizes")
    notebook.add_argument("--seed", type=int, default=0)
    plan = verb("plan", _plan, "what a study would measure, what it skips and why, and how long it takes")
    plan.add_argument("study", nargs="?", default="quick", metavar="STUDY", help="a name, or a TOML file")
    plan.add_argument("--problem", action="append", default=[], metavar="FILE.py", help="a problem of your own")
    verb("machine", _machine, "what a result from this machine says about it, and what disturbs it")
    selftest = verb("selftest", _selftest, "what timing on this machine can resolve, in about a minute")
    selftest.add_argument("--trials", type=int, metavar="N", help="prove every target on N trials (100: 25 minutes)")
    selftest.add_argument("-o", dest="out", type=Path, default=Path("results"), metavar="DIR", help="default: results")
    recover = verb("recover", _recover, "make a run that was cut short readable")
    recover.add_argument("run", metavar="RUN", help="the run folder")
    return parser


def main() -> int:
    """Run one verb; bad usage and bad input end in one line and exit status 2."""
    arguments = _parser().parse_args()
    try:
        return int(arguments.action(arguments))
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, OSError) as error:
        print(str(error), file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
