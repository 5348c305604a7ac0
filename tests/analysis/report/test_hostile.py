"""Hostile text in every text field of a run. The fields are enumerated from the schema, so new ones are included."""

import csv
import dataclasses
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis.figures import FIGURES
from gradiometer.analysis.report import build, figure_selection
from gradiometer.analysis.scores import summarised
from gradiometer.storage import schema

ONE = "linear_autoencoder"
NASTY = (
    "=cmd()|'/C calc'!A0 <script>alert(1)</script> <img src=x onerror=alert(2)> $\\frac{x$ a|b `c` "
    "[x](http://x) ![y](http://y) & \"q\" 'p' \u202eשלום 12 \u2067עולם " + "long" * 75
)
STEERING = {
    "cells": ("family", "dtype", "status"),
    "segments": (),
    "errors": ("data", "status", "reference"),
    "derivations": ("verdict",),
}
"""Columns whose values decide which rows are shown."""

STRUCTURE = ("run_id", "state", "schema_version")


def nasty(text):
    """A hostile text, different for each text, so that rows still join."""
    return f"{NASTY} {text}"


def text_columns(table):
    return [name for name, kind in schema.columns(schema.TABLES[table]).items() if kind is str]


def spoiled(frames, table, columns):
    """`frames` with every second text in these columns of a table made hostile."""
    frame = getattr(frames, table)
    changed = {
        name: frame[name].map(nasty, na_action="ignore").where(frame.index % 2 == 0, frame[name]) for name in columns
    }
    return replaced(frames, {table: frame.assign(**changed)})


def _spoil(value):
    if isinstance(value, dict):
        return {
            name if name in ("label", "family", "order", "source", "file") else nasty(name): _spoil(item)
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_spoil(item) for item in value]
    return nasty(value) if isinstance(value, str) else value


def hostile(frames):
    """`frames` with every text of run.json and of the tables made hostile, except in STEERING columns."""
    runs = []
    for run in frames.runs:
        told = {name: value if name in STRUCTURE else _spoil(value) for name, value in run.items()}
        runs.append(told | {"run_id": nasty(run["run_id"]), "machine": {"cpu": nasty("cpu")} | told["machine"]})
    tables = {}
    for table, steering in STEERING.items():
        frame = getattr(frames, table)
        spoil = [name for name in text_columns(table) if name not in steering]
        tables[table] = frame.assign(**{name: frame[name].map(nasty, na_action="ignore") for name in spoil})
    tables["cells"]["shape"] = nasty("shape")
    return dataclasses.replace(replaced(frames, tables), runs=runs)


def replaced(frames, tables):
    """`frames` with other tables; errors are replaced by their summary."""
    named = {"scores" if name == "errors" else name: table for name, table in tables.items()}
    if "errors" in tables:
        named["scores"] = summarised(tables["errors"])
    return dataclasses.replace(frames, **named)


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.text.append(data)


def assert_harmless(folder):
    """Foreign text stays text in every file, and no file name leaves its folder."""
    html, markdown = ((folder / f"report.{kind}").read_text("utf-8") for kind in ("html", "md"))
    page = Tags(html)
    assert not page.tags & {"script", "img", "iframe", "object", "link", "form", "b", "i"}
    assert "\u202e" not in html and "\u2067" not in html
    assert html.count("\u2068") == html.count("\u2069")
    assert not re.search(r"<(?:script|img)", markdown)
    assert not re.search(r"(?<!\\)\]\(http|(?<!\\)`c`|(?<!\\)\$\\frac", markdown)
    for table in re.findall(r"(?:^\|.*\n)+", markdown, re.M):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    for file in folder.glob("tables/*.csv"):
        assert re.fullmatch(r"[A-Za-z0-9._+-]+", file.name)
        rows = list(csv.reader(file.open(encoding="utf-8")))
        assert len({len(row) for row in rows}) == 1
        assert not [value for row in rows for value in row if re.match(r"[=+@\t\r]|-[^\d]", value)]
    for file in folder.glob("figures/*.svg"):
        assert re.fullmatch(r"[A-Za-z0-9._+-]{1,100}", file.name)
        assert not [it for it in ElementTree.parse(file).iter() if it.tag.endswith(("script", "img"))]


@pytest.fixture(scope="module")
def frames(make_run):
    found = analysis.load([make_run(name="plain", sizes=(8, 512), grids=((ONE, "W1", "float32"),))])
    rows = [
        dict.fromkeys(schema.columns(schema.Derivation), "plain") | {"form": form, "points": 8, "digits": 300.0}
        for form in ("textbook", "factored")
    ]
    derivations = found.derivations.head(0)
    for row, verdict in zip(rows, ("exact", "wrong"), strict=True):
        derivations.loc[len(derivations)] = row | {"problem": ONE, "wrt": "W1", "verdict": verdict}
    return dataclasses.replace(found, derivations=derivations)


@pytest.fixture(scope="module")
def written(frames, tmp_path_factory):
    """The report of a run with hostile text in every field at once."""
    folder = tmp_path_factory.mktemp("hostile")
    build.write_report(hostile(frames), folder)
    return folder


def test_every_text_of_a_run_is_shown_as_text(written):
    assert_harmless(written)
    text = " ".join(Tags((written / "report.html").read_text("utf-8")).text)
    assert text.count("<script>alert(1)</script>") > 20
    assert list(written.glob("figures/*.svg"))


@pytest.mark.parametrize("table", STEERING)
def test_texts_that_steer_are_shown_as_text_too(frames, table, tmp_path, monkeypatch):
    monkeypatch.setattr(figure_selection, "MOST_FIGURES", 0)
    for column in STEERING[table]:
        build.write_report(spoiled(frames, table, [column]), tmp_path / column)
        assert_harmless(tmp_path / column)


def test_names_that_become_one_file_name_are_kept_apart(frames, tmp_path, monkeypatch):
    monkeypatch.setattr(figure_selection, "FIGURES", [figure for figure in FIGURES if figure.name == "speedup"])
    names = ("a b", "a/b", "../a b")
    cells = [frames.cells.assign(problem=name, cell_id=frames.cells["cell_id"] + name) for name in names]
    build.write_report(dataclasses.replace(frames, cells=pd.concat(cells, ignore_index=True)), tmp_path)
    assert len(list(tmp_path.glob("figures/speedup-*.svg"))) == len(names)


def test_hostile_texts_keep_the_layout(browser, written):
    page = browser.new_page(viewport={"width": 390, "height": 844})
    messages = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("dialog", lambda dialog: messages.append(dialog.message))
    page.goto((written / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert messages == []
    page.close()
