"""The wording of one constructed run, which has an insight of every kind that one run can have.

After a deliberate change, write the golden file anew: GRADIOMETER_GOLDEN=write pytest tests/analysis/wording
"""

import dataclasses
import os
from pathlib import Path

import pandas as pd
import pytest

from gradiometer import analysis
from gradiometer.analysis.insights.insight import INFO, Insight, Where
from gradiometer.analysis.insights.questions import insights
from gradiometer.analysis.insights.view import view_of
from gradiometer.analysis.scores import summarised
from gradiometer.analysis.wording import run
from gradiometer.analysis.wording.cards import cards
from gradiometer.storage import schema

GOLDEN = Path(__file__).parent / "golden.txt"
ONE, BATCH = "linear_autoencoder", "linear_autoencoder_batch"
PEAK_RATES = [
    {
        "device": "cpu", "threads": 1, "numerics": "ieee",
        "flops_per_s": {"float32": 1e11}, "bytes_per_s": {"100000000": 1e10},
    }
]  # fmt: skip


def work(method, n):
    return (300 * n**3 if method == "textbook" else 4 * n**2), 6 * n**2


@pytest.fixture(scope="module")
def frames(make_run):
    found = analysis.load([make_run(work=work)])
    cells = found.cells.set_index("cell_id")
    rows = [
        (ONE, "W1", "textbook", "exact", None),
        (ONE, "W1", "factored", "exact", None),
        (ONE, "W2", "textbook", "wrong", "off by a factor of 2"),
        (ONE, "W2", "factored", "unchecked", "cannot be traced: it branches on the data"),
        (ONE, "W1+W2", "textbook", "exact", None),
        (ONE, "W1+W2", "factored", "exact", None),
        *((BATCH, wrt, form, "exact", None) for wrt in ("W1", "W2") for form in ("textbook", "factored")),
    ]
    blank = dict.fromkeys(schema.columns(schema.Derivation))
    names = ("problem", "wrt", "form", "verdict", "diagnosis")
    verdicts = pd.DataFrame(
        [blank | dict(zip(names, row, strict=True)) | {"digits": 307.3, "points": 10} for row in rows]
    )
    errors = found.errors.merge(cells[["size", "dtype", "method"]], left_on="cell_id", right_index=True)
    is_zero = (errors["dtype"] == "bfloat16") & (errors["method"] == "factored") & (errors["size"] == 512)
    errors["n_underflow"] = is_zero.astype(float)
    errors["rel_fro"] = errors["rel_fro"].mask(is_zero, 1.0)
    errors["n_spurious"] = errors["n_inf"]
    lost = (errors["dtype"] == "float16") & (errors["size"] >= 128)
    errors["loss_finite"] = ~lost
    errors["bound_share"] = (errors["method"] == "backward").map({True: 1.3, False: 0.2})
    noisy = (cells["method"] == "jacfwd").to_numpy()
    timed = found.cells.assign(ratio_log_se=found.cells["ratio_log_se"].mask(noisy, 2.0))
    timed["device_time_s"] = timed["time_s"] / timed["size"].map({8: 5.0, 32: 2.0, 128: 1.1, 512: 1.0})
    segments = found.segments.assign(load_1min=9.4)
    described = [found.runs[0] | {"peak_rates": PEAK_RATES}]
    return dataclasses.replace(
        found, runs=described, cells=timed, segments=segments, scores=summarised(errors), derivations=verdicts
    )


def worded(found):
    lines = [f"{it.level}: {it.topic}: {it.text}" for it in run.statements(found, run.RUN)]
    for card in cards(found):
        lines += ["", f"## {card.problem} ({card.where})"]
        for it in (*card.first, *card.details):
            rows = "; ".join(" | ".join(row) for row in (it.table.columns, *it.table.rows)) if it.table else ""
            lines.append(f"{it.level}: {it.topic}: {it.text}{rows}")
    return "\n".join(lines) + "\n"


def test_the_wording_is_that_of_the_golden_file(frames):
    text = worded(insights(view_of(frames)))
    if os.environ.get("GRADIOMETER_GOLDEN") == "write":
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")


def test_every_kind_of_insight_has_a_wording(frames):
    worded_kinds = {kind for kinds in run.SENTENCES for kind in kinds}
    assert {it.kind for it in insights(view_of(frames))} <= worded_kinds


def test_an_insight_on_some_wrts_names_them():
    """Insights exist on W2 only, but the card has W1 too: the sentence must not read as if it held for both."""
    found = [
        Insight("slowdown", "bad", where("W2"), {"form": "a", "size": 8, "ratio": 3.0, "is_excessive": False}),
        Insight("jacobian", INFO, where("W1"), {"sizes": [8], "times": [4.0]}),
    ]
    (card,) = cards(found)
    assert "W2" in card.first[0].text


def where(wrt):
    return Where("p", wrt, "float32", "", "cpu", 1, "ieee", "hot")
