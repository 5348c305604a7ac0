"""Everything that a run learns about one case, before it becomes rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Any

from gradiometer.accuracy import scoring
from gradiometer.accuracy.scoring import Gradient
from gradiometer.storage.schema import Segment
from gradiometer.study.plan import Case
from gradiometer.workers.channel import Answer


@dataclass
class MeasuredCase:
    """Shares of all workers in one case, by method."""

    run_id: str
    case: Case
    methods: list[str]
    failures: dict[str, tuple[str, str]] = field(default_factory=dict)
    lost: tuple[str, str] | None = None
    """Status and reason of a share that was lost, if no method is to blame. Other workers' shares count."""
    samples: dict[str, list[Any]] = field(default_factory=dict)
    segments: list[Segment] = field(default_factory=list)
    setup_s: dict[str, list[float]] = field(default_factory=dict)
    peaks: dict[str, int] = field(default_factory=dict)
    flops: dict[str, int | None] = field(default_factory=dict)
    read: dict[str, int | None] = field(default_factory=dict)
    gradients: dict[str, list[Gradient]] = field(default_factory=dict)
    """Method → the different gradients that its timed calls returned, in all workers."""
    notes: dict[str, str] = field(default_factory=dict)
    """Method → what is unusual about how it returns its gradient, although the gradient may be right."""
    stored: dict[str, str] = field(default_factory=dict)
    """Form → why its result is a stored one. Such a form is wrong."""
    wall_s: dict[str, list[float]] = field(default_factory=dict)
    """Method → wall-clock samples, in seconds."""
    numerics: dict[str, Any] = field(default_factory=dict)

    @property
    def remaining(self) -> list[str]:
        """Methods that have not failed."""
        return [name for name in self.methods if name not in self.failures]

    @property
    def timed(self) -> list[str]:
        """Methods that have samples and have not failed."""
        return [name for name in self.remaining if self.wall_s.get(name)]

    def failure_of(self, method: str) -> tuple[str, str] | None:
        """Status and reason, if the method failed or all shares were lost."""
        return self.failures.get(method) or (self.lost if method in self.methods and method not in self.timed else None)

    @property
    def known_hashes(self) -> dict[str, list[str]]:
        """Method → the hashes of the gradients that a worker need not return again."""
        return {
            name: [one.output_hash for one in found if one.output_hash is not None]
            for name, found in self.gradients.items()
        }

    def call_s(self, method: str) -> float | None:
        """Median wall-clock time of a call."""
        return median(self.wall_s[method]) if self.wall_s.get(method) else None

    def absorb(self, process: int, asked: list[str], answer: Answer) -> None:
        """Add one worker's share: its answer to the request to time the methods `asked`."""
        found, blobs = answer
        self.failures |= {name: (status, reason) for name, (status, reason) in found["failures"].items()}
        self.numerics = found["numerics"]
        columns = found["samples"]
        methods = [asked[index] for index in columns.pop("candidate")]
        columns["cell_id"] = [f"{self.case.case_id}-{name}" for name in methods]
        columns["case_id"] = [self.case.case_id] * len(methods)
        columns["process"] = [process] * len(methods)
        for name, values in columns.items():
            self.samples.setdefault(name, []).extend(values)
        for name, seconds, clock in zip(methods, columns["time_s"], columns["clock"], strict=True):
            if clock == "wall":
                self.wall_s.setdefault(name, []).append(seconds)
        self.segments += [
            Segment(run_id=self.run_id, case_id=self.case.case_id, process=process, **segment)
            for segment in found["segments"]
        ]
        for name, seconds in found["setup_s"].items():
            self.setup_s.setdefault(name, []).append(seconds)
        for name, peak in found["peak_memory_bytes"].items():
            self.peaks[name] = max(peak, self.peaks.get(name, 0))
        self.notes |= found["notes"]
        remaining = iter(blobs)
        for name, returned in found["gradients"].items():
            self.gradients.setdefault(name, []).extend(scoring.unpack_new(returned, remaining))
