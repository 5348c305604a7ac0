"""The page: what it says, what it shows, and that other people's text stays text."""

import csv
import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from gradiometer import analysis
from gradiometer.analysis.insights import findings
from gradiometer.analysis.report import build, figure_selection
from gradiometer.analysis.work import with_limits

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
        self.tags, self.attributes, self.text = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.text.append(data)


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
    assert {file.stem for file in files} >= {"cells", "failures", "exponents", "crossovers", "preparing_pays"}
    rows = [row for file in files for row in csv.reader(file.open(encoding="utf-8"))]
    starts = {value[0] for row in rows for value in row if value and not re.fullmatch(r"-?[\d.e+-]+|-?inf", value)}
    assert not starts & set("=+-@")
    assert any(value == f"'{FORMULA}" for row in rows for value in row)


def test_failed_cells_are_shown_with_counts_and_reasons(page):
    html = (page / "report.html").read_text("utf-8")
    text = " ".join(Tags(html).text)
    assert "Cells that are not ok: 26 of 72" in text
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


def test_how_it_was_measured_is_told(page):
    text = " ".join(Tags((page / "report.html").read_text("utf-8")).text)
    for words in ("segments (8.3 %) were interference: steal", "python", "3.12.1", "Words", "unit roundoff"):
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
    assert "0 of 12 cells are ok" in text and "12 of 12" in text
    assert "Nothing was measured that could be drawn" in text and "Nothing could be measured" in text


@pytest.fixture(scope="module")
def said(run_folder):
    frames = analysis.load([run_folder])
    return {
        (it.problem, it.wrt): " ".join(it.sentences)
        for it in findings.findings(with_limits(frames.cells, None), frames.scores, frames.derivations)
    }


def test_findings_say_what_the_run_was_made_to_show(said):
    assert set(said) == {(ONE, "W1"), (ONE, "W2"), (ONE, "W1+W2"), (BATCH, "W1"), (BATCH, "W2")}
    sample = said[ONE, "W1"]
    assert re.search(
        r"From n = 8 to 32 textbook is the fastest form, first 6\.\d+ \[6\.\d+, 6\.\d+\] times as fast", sample
    )
    assert re.search(r"From n = 128 to 512 factored is the fastest form, first .* at last 1\.[67]\d \[", sample)
    assert re.search(r"textbook crosses autograd at n = 1(2[89]|30) \[.*\], faster below, slower above", sample)
    assert re.search(r"n to the power 2\.8\d \[.*\] \(textbook\)", sample)
    assert re.search(r"Relative error at n = 512, from the most precise: .* and textbook", sample)


def test_a_gulf_is_found_where_there_is_one_and_only_there(said):
    assert re.search(r"A gulf at n = 512: textbook takes 2[234]\.\d \[", said[ONE, "W1"])
    assert re.search(r"No gulf at n = 512: the slowest form, gram, takes 1\.[45]\d \[", said[BATCH, "W1"])


def test_the_break_even_of_preparing_is_said(said):
    assert re.search(r"preparing gram_prepared pays against textbook from 2\.\d+ \[.*\] calls on", said[BATCH, "W1"])
    assert "preparing" not in said[ONE, "W1"]


def test_forms_that_cannot_be_told_apart_are_both_named(make_run):
    def twins(problem, method, n):
        return {"textbook": 10e-6, "factored": 10e-6, "gram": 30e-6, "autograd": 50e-6}.get(method)

    frames = analysis.load([make_run(name="twins", truth=twins, sizes=(8,), grids=((ONE, "W1", "float32"),))])
    (finding,) = findings.findings(with_limits(frames.cells, None), frames.scores, frames.derivations)
    assert re.search(
        r"(textbook|factored) is the fastest form \(not told apart from (factored|textbook)\)", finding.sentences[0]
    )


def test_a_page_has_room_for_so_many_figures_and_says_which_had_none(make_run, tmp_path, monkeypatch):
    monkeypatch.setattr(figure_selection, "MOST_FIGURES", 1)
    runs = [make_run(name=name, sizes=(8, 32), grids=((ONE, "W1", "float32"),)) for name in ("first", "second")]
    build.write_report(analysis.load(runs), tmp_path)
    files = {file.name for file in (tmp_path / "figures").iterdir()}
    assert files == {f"first-speedup-{ONE}.svg", "machines.svg"}
    text = " ".join(Tags((tmp_path / "report.html").read_text("utf-8")).text)
    assert "a page holds 1" in text and "Error against size: Linear autoencoder, one sample" in text
    assert re.search(r"python -m analysis report\s+second", text)


def test_how_fast_a_refuted_form_is_is_no_finding(make_run, tmp_path):
    run = make_run(
        name="refuted", sizes=(8, 32), grids=((ONE, "W1", "float32"),), statuses={"textbook": ("wrong", "2 x")}
    )
    build.write_report(analysis.load(run), tmp_path)
    text = " ".join(Tags((tmp_path / "report.html").read_text("utf-8")).text)
    assert "factored is the fastest form" in text or "factored, the only form" in text
    for words in (
        "textbook is the fastest",
        "textbook crosses",
        "textbook takes",
        "the slowest form, textbook",
        "whether by textbook",
    ):
        assert words not in text
    assert "wrong" in text and (tmp_path / "tables" / "cells.csv").read_text("utf-8").count("textbook") >= 2
