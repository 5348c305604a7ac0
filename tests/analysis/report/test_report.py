"""Report files: their contents, their escaping, and what stays in a folder."""

import csv
import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from gradiometer import analysis
from gradiometer.analysis.frames import described
from gradiometer.analysis.insights.decision import decisions
from gradiometer.analysis.report import build, figure_selection, output

ONE, BATCH = "linear_autoencoder", "linear_autoencoder_batch"
NASTY = r"<script>alert(1)</script> $\frac{x$ a|b [x](http://x) ![y](http://y) " + "\u202eשלום " + "long" * 75
FORMULA = "=cmd()|' /C calc'!A0"


def nasty(run):
    run["label"] = NASTY
    run["problems"][ONE]["label"] = NASTY
    run["methods"]["textbook"]["label"] = NASTY
    run["command"] = NASTY
    run["machine"]["cpu"] = NASTY
    run["versions"]["torch"] = {"<b>": ["<i>", None, float(1)]}


@pytest.fixture(scope="module")
def page(make_run, tmp_path_factory):
    grids = ((ONE, "W1", "float32"), (ONE, "W1", "float16"))
    statuses = {"jacrev": ("error", FORMULA), "func_vjp": ("error", f"{NASTY} 1"), "backward": ("crashed", None)}
    run = make_run(name="nasty", sizes=(8, 128, 512), grids=grids, edit=nasty, statuses=statuses)
    folder = tmp_path_factory.mktemp("out") / "report"
    build.write_report(analysis.load([run]), folder)
    return folder


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.headings = set(), [], [], []
        self._level = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self._level = int(tag[1]) if re.fullmatch("h[1-6]", tag) else self._level
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.text.append(data)
        if self._level:
            self.headings.append((self._level, data))
            self._level = None


def test_the_page_is_one_file_that_runs_and_fetches_nothing(page):
    html = (page / "report.html").read_text("utf-8")
    found = Tags(html)
    assert not found.tags & {"script", "iframe", "object", "embed", "link", "img", "b", "i", "form"}
    policy = [value for tag, name, value in found.attributes if tag == "meta" and name == "content"]
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in policy
    assert not [name for _, name, _ in found.attributes if name.startswith("on")]
    targets = [value for _, name, value in found.attributes if name in ("href", "src", "xlink:href")]
    assert targets and all(re.match(r"#|tables/|figures/", target) for target in targets)
    assert "@import" not in html and not re.search(r"url\((?!#)", html)


def test_foreign_text_is_shown_as_it_is(page):
    html = (page / "report.html").read_text("utf-8")
    assert "<script" not in html and "&lt;script&gt;" in html
    assert "\u202e" not in html
    assert r"$\frac{x$" in html


def test_markdown_escapes_what_would_be_markup(page):
    markdown = (page / "report.md").read_text("utf-8")
    assert "<script" not in markdown and "\u202e" not in markdown
    assert not re.search(r"(?<!\\)\]\(http", markdown)
    assert r"a\|b" in markdown and r"\$\\frac{x\$" in markdown
    tables = re.findall(r"(?:^\|.*\n)+", markdown, re.M)
    assert len(tables) >= 4
    for table in tables:
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1


def test_no_csv_cell_is_a_formula(page):
    files = list((page / "tables").glob("*.csv"))
    assert {file.stem for file in files} >= {"cells", "failures", "exponents", "crossovers", "break_even"}
    rows = [row for file in files for row in csv.reader(file.open(encoding="utf-8"))]
    starts = {value[0] for row in rows for value in row if value and not re.fullmatch(r"-?[\d.e+-]+|-?inf", value)}
    assert not starts & set("=+-@")
    assert any(value == f"'{FORMULA}" for row in rows for value in row)


def test_failed_cells_are_shown_with_counts_and_reasons(page):
    html = (page / "report.html").read_text("utf-8")
    text = " ".join(Tags(html).text)
    assert "Failed and skipped: 26 of 72 cells" in text
    for words in ("6 of 72", "crashed", "no reason was recorded", FORMULA, "predicted memory 16.0 GiB, of 7.8 GiB"):
        assert words in text
    cells = list(csv.DictReader((page / "tables" / "cells.csv").open(encoding="utf-8")))
    assert len(cells) == 72
    assert sum(row["status"] == "skipped" for row in cells) == 8


def test_figures_are_files_and_inline(page):
    files = sorted((page / "figures").glob("*.svg"))
    assert {file.stem.split("-")[0] for file in files} >= {"error", "speed_error", "speedup", "time"}
    html, markdown = ((page / f"report.{kind}").read_text("utf-8") for kind in ("html", "md"))
    assert html.count("<svg ") == len(files)
    assert all(f"figures/{file.name}" in html and f"(figures/{file.name})" in markdown for file in files)


def test_the_page_states_how_the_run_was_measured(page):
    text = " ".join(Tags((page / "report.html").read_text("utf-8")).text)
    for words in ("segments (8.3 %) had interference: steal", "python", "3.12.1", "Glossary", "unit roundoff"):
        assert words in text


def test_two_runs_make_one_page_with_files_of_their_own(make_run, tmp_path):
    runs = [make_run(name=name, sizes=(8, 32), grids=((ONE, "W1", "float64"),)) for name in ("one", "two")]
    build.write_report(analysis.load(runs), tmp_path)
    assert {file.name for file in (tmp_path / "tables").glob("*cells.csv")} == {"one-cells.csv", "two-cells.csv"}
    one, two = ({file.stem.split("-")[1] for file in (tmp_path / "figures").glob(f"{n}-*.svg")} for n in ("one", "two"))
    assert one == two and {"speedup", "time"} <= one and "error" not in one  # float64 has no error here


def test_a_run_that_measured_nothing_still_has_a_page(make_run, tmp_path):
    def bare(run):
        for key in ("problems", "methods", "machine", "versions", "study", "clock", "label", "command", "started"):
            del run[key]

    frames = analysis.load([make_run(name="lost", sizes=(8,), grids=((ONE, "W1", "float32"),), edit=bare)])
    untimed = dict.fromkeys(("time_s", "time_low_s", "time_high_s", "ratio", "ratio_low", "ratio_high"), np.nan)
    lost = frames.cells.assign(status="crashed", reason="its process ended", **untimed)
    build.write_report(dataclasses.replace(frames, cells=lost, scores=frames.scores.head(0)), tmp_path)
    text = " ".join(Tags((tmp_path / "report.html").read_text("utf-8")).text)
    assert "0 of 12 cells" in text and "12 of 12" in text
    assert not list((tmp_path / "figures").iterdir())
    headings = {name for level, name in Tags((tmp_path / "report.html").read_text("utf-8")).headings if level == 2}
    assert headings == {"Answers", "Tables", "Method", "Glossary"}


def test_a_page_has_a_limited_number_of_figures_and_lists_the_others(make_run, tmp_path, monkeypatch):
    monkeypatch.setattr(figure_selection, "MOST_FIGURES", 1)
    runs = [make_run(name=name, sizes=(8, 32), grids=((ONE, "W1", "float32"),)) for name in ("first", "second")]
    build.write_report(analysis.load(runs), tmp_path)
    files = {file.name for file in (tmp_path / "figures").iterdir()}
    assert files == {f"first-speedup-{ONE}.svg", "machines.svg"}
    text = " ".join(Tags((tmp_path / "report.html").read_text("utf-8")).text)
    assert "figures omitted" in text and "Error against size: Linear autoencoder, one sample" in text
    assert re.search(r"gradiometer report\s+second", text)


def test_the_time_of_a_wrong_form_is_in_the_table_of_cells_only(make_run, tmp_path):
    statuses = {"textbook": ("wrong", "2 x")}
    run = make_run(name="refuted", sizes=(8, 32), grids=((ONE, "W1", "float32"),), statuses=statuses)
    build.write_report(analysis.load(run), tmp_path)
    tables = {file.stem: list(csv.DictReader(file.open(encoding="utf-8"))) for file in tmp_path.glob("tables/*.csv")}
    rows = [row for row in tables["cells"] if row["method"] == "textbook"]
    assert len(rows) == 2 and all(float(row["time_s"]) > 0 and not row["verdict"] for row in rows)
    for name in ("crossovers", "exponents", "causes"):
        assert "textbook" not in {row["method"] for row in tables[name]}
    assert "textbook" not in tables["answers"][0]["smallest size"]


def test_every_part_of_a_page_has_the_same_decisions(run_folder, tmp_path, monkeypatch):
    """The table of cells, the figures and the answers read one column; a correction over the whole table decides it."""
    drawn = []
    planned = figure_selection.planned
    monkeypatch.setattr(
        figure_selection, "planned", lambda run, cells, *rest: drawn.append(cells) or planned(run, cells, *rest)
    )
    monkeypatch.setattr(figure_selection, "MOST_FIGURES", 0)
    frames = analysis.load([run_folder])
    build.write_report(frames, tmp_path)
    table = list(csv.DictReader((tmp_path / "tables" / "cells.csv").open(encoding="utf-8")))
    written = {row["cell_id"]: row["verdict"] for row in table if row["verdict"]}
    (cells,) = drawn
    assert written == cells.dropna(subset=["verdict"]).set_index("cell_id")["verdict"].to_dict()
    assert written == decisions(frames.cells).set_axis(frames.cells["cell_id"]).dropna().to_dict()
    assert {"faster", "slower"} <= set(written.values())


def test_a_second_report_leaves_no_file_of_the_first_and_every_foreign_file(make_run, tmp_path, monkeypatch):
    monkeypatch.setattr(figure_selection, "MOST_FIGURES", 1)
    one, two = (
        make_run(name=name, sizes=(8,), grids=((problem, "W1", "float32"),))
        for name, problem in (("one", ONE), ("two", BATCH))
    )
    build.write_report(analysis.load([one]), tmp_path)
    first = {file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()}
    foreign = [tmp_path / name for name in ("notes.md", "figures/mine.svg", "tables/mine.csv")]
    outside = tmp_path.parent / "outside.csv"
    for file in (*foreign, outside):
        file.write_text("mine", "utf-8")
    manifest = tmp_path / "report-files.txt"
    manifest.write_text(manifest.read_text("utf-8") + "../outside.csv\n/etc/hostname\ntables\n", "utf-8")
    build.write_report(analysis.load([two]), tmp_path)
    second = {file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()}
    assert Path(f"figures/speedup-{ONE}.svg") in first - second
    assert Path(f"figures/speedup-{BATCH}.svg") in second - first
    assert all(file.read_text("utf-8") == "mine" for file in (*foreign, outside))


def test_the_title_names_the_subject_the_machine_and_the_day(run_folder, make_run):
    frames = analysis.load([run_folder])
    problems = described(frames.runs[0], "problems", frames.cells["problem"])
    title = output.title(frames, [problems])
    assert title == "Gradiometer: linear autoencoder (2 problems) on Imaginary Xeon, 1 Jan 2026"
    bare = dataclasses.replace(frames, runs=[{"run_id": "bare"}])
    assert output.title(bare, [{ONE: {"label": "One"}}]) == "Gradiometer: One on unknown processor"


def test_a_share_of_the_bound_above_one_is_shown(make_run, tmp_path):
    frames = analysis.load([make_run(name="bound", sizes=(8,), grids=((ONE, "W1", "float32"),))])
    cells = frames.cells.set_index("cell_id")
    is_textbook = frames.scores["cell_id"].map(cells["method"]).eq("textbook")
    scores = frames.scores.assign(bound_share=np.where(is_textbook, 1.7, 0.2))
    build.write_report(dataclasses.replace(frames, scores=scores), tmp_path)
    table = csv.DictReader((tmp_path / "tables" / "cells.csv").open(encoding="utf-8"))
    assert {row["method"]: float(row["bound_share"]) for row in table if row["bound_share"]}["textbook"] == 1.7
    assert "1.7× its proved bound" in (tmp_path / "report.md").read_text("utf-8")
