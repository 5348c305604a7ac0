"""Summarises the table `errors` over seeds."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from gradiometer.analysis.reduce import reduce
from gradiometer.storage import schema

KEYS = ["run_id", "cell_id", "data"]
SUMMARY = {
    "rel_fro": "median(rel_fro)",
    "rel_fro_low": "min(rel_fro)",
    "rel_fro_high": "max(rel_fro)",
    "seeds": "count(*)",
    "finite_seeds": "count(rel_fro)",
    "digits": "median(digits)",
    "bwd_fro_u": "median(bwd_fro_u)",
    "kappa": "median(kappa)",
    "ulp_p50": "median(ulp_p50)",
    "ulp_p99": "median(ulp_p99)",
    "ulp_max": "max(ulp_max)",
    "bound_share": "max(bound_share)",
}
"""Columns over the seeds with a reference. A gradient with an entry that is not finite has no error: it only counts in
`seeds`."""
RANGE = {
    "finite": "bool_and(n_inf + n_nan = 0)",
    "spurious": "bool_or(n_spurious > 0)",
    "loss_finite": "bool_and(loss_finite)",
    "underflow": "coalesce(bool_or(n_underflow > 0), false)",
    "zero": "coalesce(bool_or(status = 'zeroed' or n_underflow > 0 and abs(rel_fro - 1) < 1e-12), false)",
}
"""Columns over all seeds that recorded the values, also without a reference: the worst of them counts. `zero`: entries
are zero although the true ones are not; before version 3, all entries."""
READ = [*KEYS, "status", "reference", "rel_fro", "digits", "bwd_fro_u", "kappa", "ulp_p50", "ulp_p99", "ulp_max",
        "bound_share", "n_nan", "n_inf", "n_spurious", "n_underflow", "loss_finite"]  # fmt: skip
"""Columns of `errors` that `summarised` needs."""


def summarised(errors: pa.Table | pd.DataFrame) -> pd.DataFrame:
    """One row per run, cell and kind of data, in order of appearance, with the columns SUMMARY and RANGE.

    A column is null where no seed recorded its values. Rows are grouped by the codes of texts, which takes half the
    time and memory of grouping by texts.
    """
    if isinstance(errors, pd.DataFrame):
        fields = [schema.arrow_schema(schema.Error).field(name) for name in READ]
        errors = pa.Table.from_pandas(errors, pa.schema(fields), preserve_index=False)
    texts = {key: errors[key].combine_chunks() for key in KEYS}
    numbers = errors.drop_columns(KEYS)
    for key, column in texts.items():
        numbers = numbers.append_column(key, column.indices)
    found = reduce(_SQL, {"errors": numbers})
    for key, column in texts.items():
        names = column.dictionary.to_numpy(zero_copy_only=False)
        found[key] = pd.Series(names[found[key].to_numpy("int64")], found.index, dtype=object)
    return found


_SQL = f"""
    SELECT {", ".join(KEYS)},
        {", ".join(f"{how} FILTER (WHERE reference IS NOT NULL) AS {name}" for name, how in SUMMARY.items())},
        {", ".join(f"{how} AS {name}" for name, how in RANGE.items())}
    FROM errors GROUP BY {", ".join(KEYS)} ORDER BY {", ".join(KEYS)}
"""  # fmt: skip
