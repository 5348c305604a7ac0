"""Writes the files of a report: pages from templates, tables as CSV, figures as SVG. Escapes every foreign text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pyarrow import compute, csv

from gradiometer.analysis.drawing.render import Drawn
from gradiometer.analysis.frames import Frames
from gradiometer.analysis.report.tables import Table
from gradiometer.analysis.text import clean, listed, mapping, markdown, short, size_bytes


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: clean(value) if type(value) is str else value,
    )
    environment.filters["md"] = lambda text: Markup(markdown(text))  # escaped for Markdown, which HTML's would spoil
    environment.filters["md_table"] = markdown_table
    return environment


def markdown_table(table: Table) -> Markup:
    """A table in Markdown, its cells escaped."""
    head, *rows = [[markdown(cell) for cell in line] for line in (table.columns, *table.rows)]
    return Markup("\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *rows)))


class Output:
    """The folder of a page called `name` (report, compare). Entering removes the files that an earlier page of that
    name wrote, as listed in NAME-files.txt, one path a line; foreign files are kept. Raises OSError if the folder
    cannot be written.
    """

    def __init__(self, folder: Path, name: str, tables: str = "tables", figures: str = "figures") -> None:
        self.folder, self.name, self.tables, self.figures = folder, name, tables, figures
        self._manifest = folder / f"{name}-files.txt"
        self._files: list[str] = []

    def __enter__(self) -> Output:
        for part in (self.tables, self.figures):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        for line in self._manifest.read_text("utf-8").splitlines() if self._manifest.is_file() else []:
            if re.fullmatch(r"((tables|figures)/)?[A-Za-z0-9_+-][A-Za-z0-9._+-]*\.(html|md|csv|svg)", line):
                (self.folder / line).unlink(missing_ok=True)
        return self

    def __exit__(self, *failure: object) -> None:
        self._manifest.write_text("".join(f"{name}\n" for name in self._files), "utf-8")

    def csv(self, table: Table) -> Path:
        """Write all rows of a table, with a ' before texts that a spreadsheet would take for a formula."""
        whole = pa.Table.from_pandas(table.frame, preserve_index=False)
        for place, column in enumerate(whole.schema):
            if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
                safe = compute.replace_substring_regex(whole.column(place), r"^[=+\-@\t\r\n]", r"'\0")
                whole = whole.set_column(place, column.name, safe)
        path = self._path(self.tables, f"{table.name}.csv")
        csv.write_csv(whole, path)
        return path

    def svg(self, drawn: Drawn) -> None:
        """Write a figure."""
        self._path(self.figures, drawn.file).write_text(drawn.svg, "utf-8")

    def pages(self, context: Mapping[str, Any]) -> list[Path]:
        """Write NAME.html and NAME.md from their templates; return their paths."""
        environment = _environment()
        paths = [self._path(".", f"{self.name}.{kind}") for kind in ("html", "md")]
        for path in paths:
            path.write_text(environment.get_template(f"{path.name}.j2").render(context), "utf-8")
        return paths

    def _path(self, part: str, name: str) -> Path:
        self._files.append(PurePosixPath(part, name).as_posix())
        return self.folder / part / name


def title(frames: Frames, problems: Sequence[Mapping[str, Mapping[str, Any]]]) -> str:
    """`Gradiometer: linear autoencoder (3 problems) on AMD EPYC 7B13, 27 Nov 2026`; labels of the runs if several."""
    if len(frames.runs) > 1:
        return f"Gradiometer: {named(frames)}"
    run = frames.runs[0]
    machine = mapping(run.get("machine"))
    devices = set(frames.cells["device"])
    gpus = machine.get("gpus")
    gpu = mapping(gpus[0]).get("name") if isinstance(gpus, list) and gpus and devices - {"cpu"} else None
    where = re.sub(r"\((R|TM)\)|\bCPU\b|\bProcessor\b|@.*", "", str(gpu or machine.get("cpu") or "unknown processor"))
    return f"Gradiometer: {_subject(problems[0])} on {short(where, 60)}{_date(run.get('started'))}"


def _subject(problems: Mapping[str, Mapping[str, Any]]) -> str:
    """The label of the only problem, or what the labels have in common up to a comma, with their number."""
    labels = [str(entry["label"]) for entry in problems.values()]
    if len(labels) == 1:
        return short(labels[0], 60)
    heads = {label.split(",")[0] for label in labels}
    common = short(heads.pop(), 60) if len(heads) == 1 else ""
    return f"{common[0].lower()}{common[1:]} ({len(labels)} problems)" if common else f"{len(labels)} problems"


def _date(started: object) -> str:
    try:
        day = datetime.fromisoformat(str(started))
    except ValueError:
        return ""
    return f", {day.day} {day:%b %Y}"


def on_what(frames: Frames) -> str:
    """One line on the first run: processor, memory, torch version, study, start. Omits what run.json lacks."""
    run = frames.runs[0]
    machine, versions, study = (mapping(run.get(name)) for name in ("machine", "versions", "study"))
    gpus = machine.get("gpus")
    names = [str(mapping(gpu).get("name")) for gpu in gpus] if isinstance(gpus, list) else []
    cores, memory = machine.get("usable_cores"), machine.get("memory_bytes")
    parts = [
        str(machine.get("cpu") or "unknown processor"),
        *names,
        f"{cores} usable cores" if cores else "",
        size_bytes(memory) if isinstance(memory, int) else "",
        f"torch {versions.get('torch')}" if versions.get("torch") else "",
        f"study {study.get('name')}" if study.get("name") else "",
        str(run.get("started") or ""),
    ]
    return " · ".join(short(part, 80) for part in [*parts, str(run["run_id"])] if part)


def named(frames: Frames) -> str:
    """The labels of the runs, or their ids."""
    return listed(short(run.get("label") or run["run_id"], 60) for run in frames.runs)
