"""Do two runs compute alike: bit for bit, as precisely, or not? DuckDB reduces the errors of both. No torch here."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from gradiometer.analysis.frames import Frames
from gradiometer.analysis.reduce import reduce
from gradiometer.storage import store

LESS_PRECISE = 2.0
"""An error this many times as large has lost a bit."""

PRECISION = [
    "scored",
    "other_inputs",
    "bitwise",
    "lost_finite",
    "gained_finite",
    "error_ratio",
    "error_low",
    "error_high",
]

_COLUMNS = ["cell_id", "data", "seed", "rel_fro", "n_nan", "n_inf", "input_hash", "output_hash"]
_QUERY = """
    with a as materialized (select * from places join scores_a on cell_id = cell_id_a),
    b as materialized (select * from places join scores_b on cell_id = cell_id_b),
    pairs as (
        select place, a.rel_fro as a, b.rel_fro as b, coalesce(a.input_hash <> b.input_hash, false) as other_input,
            coalesce(a.output_hash = b.output_hash, false) as alike,
            a.n_nan + a.n_inf = 0 as finite_a, b.n_nan + b.n_inf = 0 as finite_b
        from a join b using (place, data, seed)
        where (a.rel_fro is not null or a.n_nan + a.n_inf > 0) and (b.rel_fro is not null or b.n_nan + b.n_inf > 0)
    ), logs as (
        select *, case when a = b then 0 when a > 0 and b > 0 then ln(b / a) end as log from pairs
    )
    select place, count(*) as scored, count_if(other_input) as other_inputs,
        bool_and(alike) as bitwise,
        count_if(finite_a and not finite_b) as lost_finite, count_if(finite_b and not finite_a) as gained_finite,
        exp(avg(log)) as error_ratio, exp(min(log)) as error_low, exp(max(log)) as error_high
    from logs group by place order by place
"""


def precision(both: pd.DataFrame, frames_a: Frames, frames_b: Frames) -> pd.DataFrame:
    """By the row of `matching.matched`, over the kinds of data and seeds that both runs scored: how many (`scored`), of
    how many the inputs' bits differ, whether all gradients are `bitwise` the same, how many are finite in one run only.

    `error_ratio` is B's relative error over A's, the geometric mean, `error_low` and `error_high` its range;
    `precision` in words: bitwise, less, more, alike. Raises StoreError where the errors cannot be read.
    """
    pairs = both.dropna(subset=["cell_id_a", "cell_id_b"])
    places = pa.table({"place": pairs.index, **{name: pairs[name].astype(str) for name in ("cell_id_a", "cell_id_b")}})
    scores = {
        f"scores_{run}": store.read_arrow(frames.folders[0], "errors", _COLUMNS)
        for run, frames in (("a", frames_a), ("b", frames_b))
    }
    found = reduce(_QUERY, {"places": places, **scores}).set_index("place")
    several = found["scored"] > 1  # one seed alone decides nothing
    less = (found["lost_finite"] > 0) | ((found["error_ratio"] > LESS_PRECISE) & (found["error_low"] > 1) & several)
    more = (found["gained_finite"] > 0) | (
        (found["error_ratio"] < 1 / LESS_PRECISE) & (found["error_high"] < 1) & several
    )
    known = found["error_ratio"].notna() | less | more | found["bitwise"]
    words = np.select([found["bitwise"], less, more, known], ["bitwise", "less", "more", "alike"], "")
    return found.assign(precision=pd.Series(words, found.index, object).replace("", None))
