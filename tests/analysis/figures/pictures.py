"""Readers of what a figure draws, and runs with a known truth."""

from gradiometer.analysis.figures import FIGURES
from gradiometer.analysis.frames import methods_of
from gradiometer.storage.schema import DTYPES

ONE = "linear_autoencoder"
ENTRIES = {figure.name: figure for figure in FIGURES}
PEAK, BANDWIDTH = 1e11, 5e10


def work(method, n):
    return (n**3 if method == "textbook" else 6 * n**2), 6 * n**2


def with_peak_rates(run):
    run["peak_rates"] = [
        {
            "device": "cpu", "threads": 1, "numerics": "ieee", "bytes_per_s": {"100000000": BANDWIDTH},
            "flops_per_s": dict.fromkeys(DTYPES, PEAK),
        }
    ]  # fmt: skip


def of_few(truth):
    """A truth for two forms and autograd only."""
    few = ("textbook", "factored", "autograd")
    return lambda problem, method, n: truth(method, n) if method in few else None


def in_full(frames):
    """The errors with the metrics that the synthetic run lacks: κ = 10 on normal data and 100 near the optimum. float16
    loses the loss from 128 on and the gradient at 512, where textbook and uniform data lose representable values.
    """
    errors = frames.errors.merge(frames.cells[["cell_id", "dtype", "size", "method"]], on="cell_id")
    u = errors["dtype"].map({name: dtype.unit_roundoff for name, dtype in DTYPES.items()})
    kappa = errors["data"].map({"uniform": 1.0, "normal": 10.0, "near_optimum": 100.0}).where(errors["n_inf"] == 0)
    spurious = (errors["n_inf"] > 0) & (errors["method"] == "textbook") & (errors["data"] == "uniform")
    ulp = errors["rel_fro"] / u
    return frames.errors.assign(
        kappa=kappa, bwd_fro_u=ulp / kappa, ulp_p50=0.5 * ulp, ulp_p99=3 * ulp, ulp_max=10 * ulp,
        n_spurious=spurious.astype(float), loss_finite=~((errors["dtype"] == "float16") & (errors["size"] >= 128)),
    )  # fmt: skip


def draw(frames, name, methods=None):
    return ENTRIES[name](frames.cells, frames.scores, methods or methods_of(frames.runs[0], frames.cells))


def numbers(frames, name):
    figure = ENTRIES[name]
    return figure.numbers(figure.frame(frames.cells, frames.scores), methods_of(frames.runs[0], frames.cells))


def texts(figure):
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")) if text.get_text()]


def panel(figure, title):
    (found,) = [axis for axis in figure.axes if axis.get_title(loc="left") == title]
    return found


def marked(axis, look):
    (line,) = [
        it for it in axis.lines if it.get_marker() == look["marker"] and it.get_markersize() == look["markersize"]
    ]
    return set(zip(line.get_xdata(), line.get_ydata(), strict=True))
