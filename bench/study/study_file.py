"""The study file: TOML with one or more grids of cells, and how long and carefully to measure them.

The file is validated as a whole, so that one attempt shows every mistake.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gradiometer.errors import GradiometerError
from gradiometer.storage.validate import NAME

STUDIES = {
    name: Path(__file__).with_name("studies") / f"{name}.toml"
    for name in ("smoke", "quick", "full", "order", "many_samples")
}
"""Name → file of the built-in studies. `quick` is the default."""

Size = Annotated[int, Field(ge=1, le=65_536, strict=True)]
Threads = Annotated[int, Field(ge=1, le=1024, strict=True)]
Factor = Annotated[float, Field(gt=0, le=65_536)]
Name = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
Item = TypeVar("Item")
Some = Annotated[list[Item], Field(min_length=1, max_length=1000)]


class StudyError(GradiometerError):
    """A study cannot be used. One line per mistake: the key, what was found, what is accepted."""


class Grid(BaseModel):
    """A product of axes. Defaults: every problem, wrt, method and kind of data; float32; every device; one thread; hot.

    `dims` replaces factors of dimensions. `data` names the kinds of data to score, generic or of a problem.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    problems: Some[str] = ["all"]
    wrt: Some[str] = ["all"]
    methods: Some[str] = ["all"]
    sizes: Some[Size]
    dtypes: Some[Literal["float16", "bfloat16", "float32", "float64"]] = ["float32"]
    devices: Some[Literal["auto", "cpu", "cuda"]] = ["auto"]
    threads: Some[Threads] = [1]
    numerics: Some[Literal["ieee", "tf32"]] = ["ieee"]
    cache: Some[Literal["hot", "cold"]] = ["hot"]
    dims: dict[str, Factor] = {}
    data: Some[Name] = ["all"]


class Study(BaseModel):
    """Grids, and how long and carefully to measure them.

    - `budget_s`: wall-clock time per case, over all `processes`.
    - `call_limit_s`: a call predicted to last longer is not started (default: budget_s / (4 processes)).
    - `timeout_s`: a call that lasts longer is stopped; `verify_timeout_s` likewise for verifying one input's forms.
    - `seeds`: draws scored per kind of data at sizes up to 64; `seeds_large` above 64, where seeds differ little.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    grid: Some[Grid]
    processes: Annotated[int, Field(ge=1, le=64, strict=True)] = 3
    budget_s: Annotated[float, Field(gt=0, le=3600)] = 1.5
    call_limit_s: Annotated[float, Field(gt=0, le=3600)] | None = None
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = 10.0
    verify_timeout_s: Annotated[float, Field(gt=0, le=3600)] = 60.0
    seeds: Annotated[int, Field(ge=1, le=1000, strict=True)] = 5
    seeds_large: Annotated[int, Field(ge=1, le=1000, strict=True)] = 2

    @property
    def longest_call_s(self) -> float:
        """The call limit in force, in seconds."""
        return self.call_limit_s or self.budget_s / (4 * self.processes)

    def seeds_at(self, size: int) -> int:
        """Number of draws of each kind of data that are scored at a size."""
        return self.seeds if size <= 64 else min(self.seeds, self.seeds_large)


def _accepted(model: type[BaseModel]) -> str:
    return ", ".join(model.model_fields)


def _line(error: Mapping[str, Any]) -> str:
    """One mistake as a line: the key, what was found, what is accepted."""
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    found, context = repr(error["input"])[:60], error.get("ctx", {})
    match error["type"]:
        case "extra_forbidden":
            inside = Grid if key.startswith("grid[") else Study
            near = difflib.get_close_matches(str(error["loc"][-1]), list(inside.model_fields), 1)
            return f"{key}: unknown key; " + (f"did you mean {near[0]}?" if near else f"accepted: {_accepted(inside)}")
        case "missing":
            return f"{key}: missing; it must be given"
        case "literal_error":
            return f"{key}: found {found}; accepted: {context['expected']}"
        case "greater_than_equal" | "greater_than" | "less_than_equal":
            relation = {"greater_than_equal": "at least", "greater_than": "above", "less_than_equal": "at most"}
            bound = next(iter(context.values()))
            return f"{key}: found {found}; accepted: a number {relation[error['type']]} {bound}"
        case "too_short":
            return f"{key}: found an empty list; give at least one"
        case "string_pattern_mismatch":
            return f"{key}: found {found}; accepted: a to z, 0 to 9, '.', '_', '-', at most 64, a letter or digit first"
    expected = error["msg"].removeprefix("Input should be ")
    return f"{key}: found {found}; expected {expected}"


def parse(text: str, name: str) -> Study:
    """A study from TOML text. `name` applies where the text gives none. Raises StudyError."""
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise StudyError(f"{name}: not TOML: {str(error).splitlines()[0]}") from None
    try:
        return Study.model_validate({"name": name, **content})
    except ValidationError as error:
        raise StudyError("\n".join(f"{name}: {_line(dict(mistake))}" for mistake in error.errors())) from None


def find(name: str) -> Study:
    """A built-in study by its name, or the study of a TOML file. Raises StudyError."""
    path = STUDIES.get(name, Path(name))
    if path.suffix != ".toml":
        raise StudyError(f"study {name!r}: expected {', '.join(STUDIES)}, or a file whose name ends in .toml")
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise StudyError(f"study {name}: {cause}; expected {', '.join(STUDIES)}, or a TOML file") from None
    return parse(text, name if name in STUDIES else path.stem.lower())


def check_names(study: Study, known: Mapping[str, Iterable[str]]) -> None:
    """Check the names in every grid. Raises StudyError with every mistake.

    `known` maps keys of a grid ("problems", "wrt", …) to the names that are accepted there.
    """
    mistakes = []
    for number, grid in enumerate(study.grid):
        for key, names in known.items():
            accepted = list(names)
            for name in getattr(grid, key):
                if name not in accepted:
                    near = difflib.get_close_matches(name, accepted, 1)
                    hint = f"did you mean {near[0]}?" if near else f"accepted: {', '.join(accepted)}"
                    mistakes.append(f"{study.name}: grid[{number}].{key}: found {name!r}; {hint}")
    if mistakes:
        raise StudyError("\n".join(mistakes))
