"""The instances of a problem at which a verification compares: two thorough ones, and further ones at few points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod

from gradiometer.graph.evaluation_cost import multiplications
from gradiometer.graph.trace import TraceError
from gradiometer.problems.problem import Problem
from gradiometer.verification.coverage.dimensions import (
    DimensionsError,
    Dims,
    Extra,
    dims_text,
    extra_tuples,
    prime_tuples,
    small_tuples,
    tied_tuples,
)
from gradiometer.verification.functions import UncheckableError
from gradiometer.verification.instance import Instance

MOST_EXACT = 4_000
"""Most multiplications of a loss that is compared in balls at a further tuple; beyond, float64 is compared."""
MOST_THOROUGH = 20_000
"""Most multiplications of a loss at a thorough tuple; beyond, smaller primes are taken."""
MOST_NODES = 250
"""Most operations of a loss that is traced at a further tuple."""
MOST_SLOW = 2_000_000
"""Most multiplications of a loss at a large dimension; beyond, a smaller one is taken."""


@dataclass
class Places:
    """Where to compare. `thorough` are compared at every kind of data; `remarks` name tuples that the problem refuses.

    Raises UncheckableError where the loss cannot be evaluated at any tuple.
    """

    problem: Problem
    seed: int
    remarks: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.condition = ""
        self.thorough, refusal = self._thorough()
        self._extra: list[Instance] | None = None
        self._third: list[Instance] | None = None
        if refusal:
            self.remarks.append(refusal)

    def _thorough(self) -> tuple[list[Instance], str | None]:
        if not self.problem.dims:
            return [self._instance({})], None
        tried = prime_tuples(self.problem, self.seed)[:2]
        found, failures = self._all(tried)
        if not failures and (_nodes(found[0]) > MOST_NODES or max(map(_work, found)) > MOST_THOROUGH):
            smaller, refused = self._all(small_tuples(self.problem))
            return (found if refused else smaller), None
        if not failures:
            return found, None
        first_failure = failures[0]
        for condition, pair in tied_tuples(self.problem, self.seed):
            found, failures = self._all(pair)
            if found and not failures:
                self.condition = condition or "the order of the dimensions"
                where, why = first_failure
                words = f"only where {condition}" if condition else f"not at {dims_text(where)}"
                return found, f"{words}: {why}"
            if found and condition.startswith("the dimensions"):
                self.condition = condition
                return found, f"only where {condition}: {first_failure[1]}"
        raise UncheckableError(f"the loss cannot be evaluated: {failures[0][1]}")

    def _all(self, tuples: list[Dims]) -> tuple[list[Instance], list[tuple[Dims, str]]]:
        found, failures = [], []
        for dims in tuples:
            try:
                found.append(Instance(self.problem, dims, self.seed))
            except DimensionsError as error:
                failures.append((dims, str(error)))
        return found, failures

    def _instance(self, dims: Dims) -> Instance:
        try:
            return Instance(self.problem, dims, self.seed)
        except DimensionsError as error:
            raise UncheckableError(f"the loss cannot be evaluated: {error}") from error

    @property
    def third(self) -> list[Instance]:
        """A third instance at primes, for diagnosis; empty where the problem refuses it."""
        if self._third is None:
            self._third = self._all(prime_tuples(self.problem, self.seed)[2:])[0] if self.problem.dims else []
        return self._third

    @property
    def extra(self) -> list[Instance]:
        """The further instances, smallest first. Those that the problem refuses are named in `remarks`."""
        if self._extra is None:
            self._extra = list(self._extras())
        return self._extra

    def _extras(self) -> Iterator[Instance]:
        refused: dict[str, list[str]] = {}
        for extra in extra_tuples(self.problem, self.seed, self.condition, self.thorough[0].dims):
            try:
                yield self._light(extra)
            except DimensionsError as error:
                where = f"{extra.name}={extra.dims[extra.name]}" if extra.name else dims_text(extra.dims)
                refused.setdefault(str(error), []).append(where)
            except UncheckableError:
                continue  # random or writing losses are reported by the thorough instances
        self.remarks += [f"not at {', '.join(where)}: {why}" for why, where in refused.items()]

    def _light(self, extra: Extra) -> Instance:
        if extra.smaller is not None and self._growth(extra.dims) > MOST_SLOW:
            return Instance(self.problem, extra.smaller, self.seed, light=True)
        return Instance(self.problem, extra.dims, self.seed, light=True)

    def _growth(self, dims: Dims) -> float:
        """An estimate of the loss's multiplications at `dims`, from those at the first instance."""
        first = self.thorough[0]
        ratio = 1.0
        for name, value in dims.items():
            ratio *= max(1.0, value / first.dims[name])
        try:
            return multiplications(first.loss) * ratio
        except TraceError:
            return ratio * 100

    def is_cheap(self, place: Instance) -> bool:
        """Whether balls can be compared at a further instance."""
        try:
            counts = [_nodes(one) for one in self.thorough]
            grown = 1.0
            if len(set(counts)) > 1:  # a loop over a dimension
                grown = prod(place.dims.values()) / prod(self.thorough[0].dims.values())
            if max(counts) > MOST_NODES or counts[0] * grown > MOST_NODES:
                return False
            return multiplications(place.loss) <= MOST_EXACT and not self.thorough[0].traced_loss.branches_on_data
        except TraceError:
            return False


def _nodes(place: Instance) -> int:
    """Number of operations of the loss; 0 where it cannot be traced."""
    try:
        return len(place.loss.graph.nodes)
    except TraceError:
        return 0


def _work(place: Instance) -> int:
    """Number of multiplications of the loss; 0 where it cannot be traced."""
    try:
        return multiplications(place.loss)
    except TraceError:
        return 0
