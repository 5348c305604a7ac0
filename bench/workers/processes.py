"""The coordinator's side of the worker processes: start, ask, watch, replace."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing import Pipe
from time import monotonic
from typing import Any

from gradiometer.workers.channel import Channel, Watch

POLL_S = 0.05
START_LIMIT_S = 180.0
"""Importing torch on a cold disk, with other workers doing the same, takes its time."""


class WorkerDied(Exception):  # noqa: N818 - an event, not a mistake of the caller's
    """The worker ended or was stopped while it ran candidate `index` (−1: none; past the methods: the reference)."""

    def __init__(self, index: int, status: str, reason: str) -> None:
        super().__init__(reason)
        self.index, self.status, self.reason = index, status, reason


class WorkerFailed(Exception):  # noqa: N818 - likewise
    """The worker lives, but could not do what was asked: no candidate is to blame."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


@dataclass
class _Process:
    popen: subprocess.Popen[bytes]
    channel: Channel
    watch: Watch


class WorkerProcess:
    """A place for one worker: when the one in it ends, the next request finds a fresh one there."""

    def __init__(self, load: dict[str, Any], environment: Mapping[str, str] | None = None) -> None:
        self._load, self._environment = load, environment or {}
        self._process = self._start()
        self._is_ready = False

    def _start(self) -> _Process:
        here, there = Pipe()
        watch = Watch()
        descriptors = (there.fileno(), watch.descriptor)
        popen = subprocess.Popen(
            [sys.executable, "-m", "gradiometer.workers.worker", *map(str, descriptors)],
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is the coordinator's to handle
            # numpy's threads would spin beside what is timed
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", **self._environment},
        )
        there.close()
        process = _Process(popen, Channel(here), watch)
        process.channel.send({"do": "load", **self._load})
        return process

    def _await(self, limit_s: float) -> tuple[dict[str, Any], list[bytes]]:
        process = self._process
        paused_s = 0.0  # a machine that was suspended for a while is no candidate's fault
        try:
            polled, before = monotonic(), (-1, 0)
            while not process.channel.connection.poll(POLL_S):
                now = monotonic()
                paused_s += max(0.0, now - polled - 10 * POLL_S)
                polled = now
                entry = index, since_ns = process.watch.read()
                if index >= 0 and entry == before and now - since_ns * 1e-9 - paused_s > limit_s:
                    self.stop()
                    raise WorkerDied(index, "timeout", f"a call ran past {limit_s:g} s; its process was stopped")
                before = entry
            return process.channel.receive()
        except (EOFError, ConnectionError, OSError):
            index, _ = process.watch.read()
            self.stop()
            code = process.popen.returncode
            how = f"signal {-code}" if code < 0 else f"exit status {code}"
            raise WorkerDied(index, "crashed", f"its process ended with {how}") from None

    def ready(self) -> None:
        """Wait until the worker has loaded the problems and warmed up. Raises WorkerFailed or WorkerDied."""
        if self._process.popen.poll() is not None:
            self._process, self._is_ready = self._start(), False
        if not self._is_ready:
            answer, _ = self._await(START_LIMIT_S)
            if "failed" in answer:
                self.stop()  # it has said all that it will say; the next request tries a fresh one
                raise WorkerFailed(answer["failed"], answer["reason"])
            self._is_ready = True

    def ask(self, request: dict[str, Any], limit_s: float) -> tuple[dict[str, Any], list[bytes]]:
        """The answer to a request; no single call in it may last longer than `limit_s`.

        Raises WorkerDied, after which the next request starts a fresh worker, or WorkerFailed.
        """
        self.ready()
        self._process.channel.send(request)
        answer, blobs = self._await(limit_s)
        if "failed" in answer:
            raise WorkerFailed(answer["failed"], answer["reason"])
        return answer, blobs

    def stop(self) -> None:
        """End the worker, whatever it is doing."""
        self._process.popen.kill()
        self._process.popen.wait()
        self._process.channel.connection.close()
