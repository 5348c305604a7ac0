"""Templates to files: HTML and Markdown from one context, every foreign text escaped. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from pyarrow import compute, csv

from gradiometer.analysis.frames import Frames
from gradiometer.analysis.report.tables import Table
from gradiometer.analysis.text import clean, listed, markdown, short, size_bytes


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
    lines = [table.columns, ["---"] * len(table.columns), *table.rows]
    body = [lines[1] if line is lines[1] else [markdown(cell) for cell in line] for line in lines]
    return Markup("\n".join(f"| {' | '.join(line)} |" for line in body))


def write(folder: Path, name: str, context: Mapping[str, Any]) -> list[Path]:
    """Write `name`.html and `name`.md from their templates into `folder`; their paths. Raises OSError."""
    environment = _environment()
    paths = [folder / f"{name}.{kind}" for kind in ("html", "md")]
    for path in paths:
        path.write_text(environment.get_template(f"{path.name}.j2").render(context), "utf-8")
    return paths


def write_csv(path: Path, table: Table) -> None:
    """All rows of a table as CSV, a ' before texts that a spreadsheet would take for a formula. Raises OSError."""
    whole = pa.Table.from_pandas(table.frame, preserve_index=False)
    for place, column in enumerate(whole.schema):
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            safe = compute.replace_substring_regex(whole.column(place), r"^[=+\-@\t\r\n]", r"'\0")
            whole = whole.set_column(place, column.name, safe)
    with path.open("wb") as file:
        csv.write_csv(whole, file)


def on_what(frames: Frames) -> str:
    """One line on the first run: processor, memory, torch, study, when. What run.json lacks is left out."""
    run = frames.runs[0]
    machine, versions, study = (_mapping(run.get(name)) for name in ("machine", "versions", "study"))
    gpus = machine.get("gpus")
    names = [str(_mapping(gpu).get("name")) for gpu in gpus] if isinstance(gpus, list) else []
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


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def named(frames: Frames) -> str:
    """The runs of a page, by label where they have one."""
    return listed(short(run.get("label") or run["run_id"], 60) for run in frames.runs)
