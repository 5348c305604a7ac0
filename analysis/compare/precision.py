"""Precision of two runs, cell by cell: bitwise equal, alike, less or more precise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

from gradiometer.analysis.frames import Frames
from gradiometer.analysis.reduce import reduce
from gradiometer.storage.tables import read_arrow

LESS_PRECISE = 2.0
"""Errors within this factor count as alike; a larger error has lost a bit."""

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
    """Precision of B against A over the data and seeds that both runs scored, indexed as `both` (`matching.matched`).

    `scored`: how many; `other_inputs`: for how many the input bits differ; `bitwise`: whether all gradients are equal
    bit for bit; `lost_finite`, `gained_finite`: how many are finite only in A, only in B. `error_ratio`: B's relative
    error over A's, geometric mean, `error_low` and `error_high` its range. `precision`: bitwise, less, more or alike.
    Raises StoreError where the errors cannot be read.
    """
    pairs = both.dropna(subset=["cell_id_a", "cell_id_b"])
    pairs = pairs[(pairs["status_a"] != "wrong") & (pairs["status_b"] != "wrong")]
    places = pa.table({"place": pairs.index, **{name: pairs[name].astype(str) for name in ("cell_id_a", "cell_id_b")}})
    scores = {
        f"scores_{run}": read_arrow(frames.folders[0], "errors", _COLUMNS)
        for run, frames in (("a", frames_a), ("b", frames_b))
    }
    found = reduce(_QUERY, {"places": places, **scores}).set_index("place")
    several = found["scored"] > 1  # one seed is not enough
    less = (found["lost_finite"] > 0) | ((found["error_ratio"] > LESS_PRECISE) & (found["error_low"] > 1) & several)
    more = (found["gained_finite"] > 0) | (
        (found["error_ratio"] < 1 / LESS_PRECISE) & (found["error_high"] < 1) & several
    )
    known = found["error_ratio"].notna() | less | more | found["bitwise"]
    words = np.select([found["bitwise"], less, more, known], ["bitwise", "less", "more", "alike"], "")
    return found.assign(precision=pd.Series(words, found.index, object).replace("", None))
