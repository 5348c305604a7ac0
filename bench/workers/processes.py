"""Supervision of worker processes: start, ask, watch, replace."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any

from gradiometer.workers.channel import NO_CANDIDATE, REFERENCE, Answer, Channel, Watch
from gradiometer.workers.time_limits import LIMITS

POLL_S = 0.05


class WorkerDied(Exception):  # noqa: N818 - an event, not a mistake of the caller's
    """The worker ended or was stopped while it called candidate `index`, or did other work (`channel.NO_CANDIDATE`).

    `status` is `crashed`, `timeout`, or `error` if the candidate left the device unusable.
    """

    def __init__(self, index: int, status: str, reason: str) -> None:
        super().__init__(reason)
        self.index, self.status, self.reason = index, status, reason


class WorkerFailed(Exception):  # noqa: N818 - likewise
    """The worker lives, but could not do what was asked. No candidate is to blame."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass
class _Process:
    popen: subprocess.Popen[bytes]
    channel: Channel
    watch: Watch
    limit_s: float = LIMITS.start_s
    """Longest call of a candidate; while the worker loads, longest time for all of it."""
    is_loaded: bool = False
    is_busy: bool = False
    asked: float = field(default_factory=monotonic)
    polled: float = field(default_factory=monotonic)
    paused_s: float = 0.0
    """Time for which this machine was suspended. It does not count against a limit."""
    entry: tuple[int, int] = (0, 0)

    def limit_of(self, index: int) -> float:
        others = {NO_CANDIDATE: LIMITS.other_s, REFERENCE: LIMITS.reference_s}
        return others.get(index, self.limit_s) if self.is_loaded else self.limit_s

    def expect(self, limit_s: float) -> None:
        """Start to wait for an answer."""
        self.is_busy, self.asked = True, monotonic()
        self.limit_s, self.polled, self.paused_s, self.entry = limit_s, self.asked, 0.0, (0, 0)

    def overdue(self) -> bool:
        """Whether the worker has been in one place for longer than its limit. Call it about every POLL_S."""
        now = monotonic()
        self.paused_s += max(0.0, now - self.polled - 10 * POLL_S)
        self.polled = now
        before, self.entry = self.entry, self.watch.read()
        index, since_ns = self.entry
        since = max(self.asked, since_ns * 1e-9)
        return self.entry == before and now - since - self.paused_s > self.limit_of(index)


class WorkerProcess:
    """Place of one worker. If the worker in it ends, the next request starts another.

    Use it from a thread that lives as long as the worker: Linux ends a worker with the thread that started it.
    """

    def __init__(self, load: dict[str, Any], environment: Mapping[str, str] | None = None) -> None:
        self._load, self._environment = load, environment or {}
        self._request: tuple[dict[str, Any], float] | None = None
        self._process = self._start()

    @property
    def pid(self) -> int:
        """Number of the present process."""
        return self._process.popen.pid

    @property
    def awaited(self) -> list[Connection]:
        """This end of the channel, if a request was sent and not answered."""
        return [self._process.channel.connection] if self._request is None else []

    def _start(self) -> _Process:
        here, there = Pipe()
        watch = Watch()
        descriptors = (there.fileno(), watch.descriptor)
        popen = subprocess.Popen(
            [sys.executable, "-m", "gradiometer.workers.worker", *map(str, descriptors), str(os.getpid())],
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # the coordinator handles Ctrl-C
            # threads of numpy's BLAS would compete with what is timed
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **self._environment},
        )
        there.close()
        process = _Process(popen, Channel(here), watch)
        with contextlib.suppress(OSError):  # a worker that has ended is noticed when its answer is awaited
            process.channel.send({"do": "load", **self._load})
        return process

    def ready(self) -> None:
        """Wait until the worker has loaded the problems and warmed up. Raises WorkerFailed or WorkerDied."""
        if self._process.popen.poll() is not None:
            self.stop()
            self._process = self._start()
        if not self._process.is_loaded:
            try:
                self._await()
            except WorkerFailed:
                self.stop()  # the next request tries a fresh worker
                raise
            self._process.is_loaded = True

    def ask(self, request: dict[str, Any], limit_s: float) -> Answer:
        """The answer to a request; no single call of a candidate in it may last longer than `limit_s`.

        Raises WorkerDied, after which the next request starts a fresh worker, or WorkerFailed.
        """
        self.begin(request, limit_s)
        return self._await()

    def begin(self, request: dict[str, Any], limit_s: float) -> None:
        """Hand over a request, whose answer `poll` returns."""
        self._request = (request, limit_s)

    def _await(self) -> Answer:
        while (answer := self.poll(POLL_S)) is None:
            pass
        return answer

    def poll(self, wait_s: float) -> Answer | None:
        """The answer to the request that was begun; None if none comes within `wait_s`. Raises as `ask` does."""
        if self._request is not None:
            (request, limit_s), self._request = self._request, None
            if self._process.is_busy:  # an interrupt left a request unanswered
                self.stop()
            self.ready()
            self._process.expect(limit_s)
            with contextlib.suppress(OSError):  # a worker that has ended is noticed below
                self._process.channel.send(request)
        process = self._process
        try:
            if process.channel.connection.poll(wait_s):
                answer, blobs = process.channel.receive()
                process.is_busy = False
            elif process.popen.poll() is not None and not process.channel.connection.poll():
                raise EOFError  # seen here if a child of the worker holds the other end of the channel open
            elif process.overdue():
                raise self._overdue()
            else:
                return None
        except (EOFError, OSError):
            raise self._ended() from None
        if "unusable" in answer:
            index, _ = process.watch.read()
            self.stop()
            raise WorkerDied(index, "error", answer["unusable"])
        if "failed" in answer:
            raise WorkerFailed(answer["failed"], answer["reason"])
        return answer, blobs

    def _overdue(self) -> WorkerDied:
        index = self._process.entry[0]
        what = "a call" if index >= 0 else "computing the reference" if index == REFERENCE else "work between calls"
        limit_s = self._process.limit_of(index)
        self.stop()
        return WorkerDied(index, "timeout", f"{what} ran past {limit_s:g} s; its process was stopped")

    def _ended(self) -> WorkerDied:
        index, _ = self._process.watch.read()
        self.stop()
        code = self._process.popen.returncode
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit status {code}"
        return WorkerDied(index, "crashed", f"its process {how}")

    def stop(self) -> None:
        """End the worker and all processes that it started."""
        process = self._process
        if process.channel.connection.closed:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.popen.pid, signal.SIGKILL)
        process.popen.kill()
        process.popen.wait()
        process.channel.connection.close()
        process.watch.close()


class Deaths:
    """Decides whether a request is worth asking again after its worker died.

    A crash may have come from outside (a user, the system's memory killer), so that the request is asked once more. A
    second crash at the same candidate is the candidate's.
    """

    def __init__(self) -> None:
        self._reasons: dict[int, str] = {}

    def judge(self, died: WorkerDied) -> WorkerDied | None:
        """The death to report; None if the request is to be asked again."""
        if died.status != "crashed":
            return died
        before = self._reasons.setdefault(died.index, "")
        if not before:
            self._reasons[died.index] = died.reason
            return None
        reason = (
            f"{before} twice" if before == died.reason else f"{before}; the next {died.reason.removeprefix('its ')}"
        )
        return WorkerDied(died.index, died.status, reason)


def ask_again(worker: WorkerProcess, request: dict[str, Any], limit_s: float) -> Answer:
    """As `worker.ask`, in a fresh worker if the first is killed. Raises WorkerDied and WorkerFailed."""
    deaths = Deaths()
    while True:
        try:
            return worker.ask(request, limit_s)
        except WorkerDied as died:
            if (judged := deaths.judge(died)) is not None:
                raise judged from None


Outcome = Answer | WorkerDied | WorkerFailed


def ask_all(
    workers: Sequence[WorkerProcess], requests: Iterable[dict[str, Any]], limit_s: float
) -> Iterator[tuple[int, Outcome]]:
    """Spread requests over workers, which answer at once; (position of the request, its outcome) as they come.

    The calling thread starts and asks all workers. A request whose worker is killed is asked again, as in `ask_again`.
    """
    waiting = deque((place, request, Deaths()) for place, request in enumerate(requests))
    busy: dict[WorkerProcess, tuple[int, dict[str, Any], Deaths]] = {}
    while waiting or busy:
        for worker in workers:
            if worker not in busy and waiting:
                busy[worker] = waiting.popleft()
                worker.begin(busy[worker][1], limit_s)
        for worker, (place, request, deaths) in list(busy.items()):
            outcome: Outcome | None
            try:
                outcome = worker.poll(0.0)
            except WorkerFailed as failed:
                outcome = failed
            except WorkerDied as died:
                outcome = deaths.judge(died)
                if outcome is None:
                    worker.begin(request, limit_s)
            if outcome is not None:
                del busy[worker]
                yield place, outcome
        if len(busy) == len(workers) or not waiting:
            wait([end for worker in busy for end in worker.awaited], POLL_S)
