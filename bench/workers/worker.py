"""A worker process: answers the coordinator's requests, one at a time.

Started as `python -m gradiometer.workers.worker CHANNEL_FD WATCH_FD COORDINATOR_PID`. It receives names and numbers,
never objects. An exception in a problem's code becomes a status and a reason; a crash ends this process only.
"""

from __future__ import annotations

import contextlib
import os
import sys
from multiprocessing.connection import Connection

from gradiometer.machine import numerics
from gradiometer.workers.channel import NO_CANDIDATE, Answer, Channel, Watch
from gradiometer.workers.failures import DeviceUnusableError, failure_of
from gradiometer.workers.services import SERVICES
from gradiometer.workers.services.upkeep import release
from gradiometer.workers.state import WorkerState
from gradiometer.workers.worker_setup import freeze_gc, limit_resources


def serve(channel: Channel, state: WorkerState) -> None:
    """Answer requests until the other end closes, or until the device is unusable."""
    process = os.getpid()
    while True:
        try:
            request, _ = channel.receive()
            state.watch.enter(NO_CANDIDATE)
            answer, blobs = answer_to(state, request)
            if os.getpid() != process:  # a child that a method forked and that ran on until here
                os._exit(0)
            channel.send(answer, blobs)
        except (EOFError, OSError):
            return
        if "unusable" in answer:
            return
        del answer, blobs
        state.watch.enter(NO_CANDIDATE)
        numerics.switch(numerics.DEFAULT)
        freeze_gc()  # no case is alive here, so that nothing of a case is frozen
        release()


def answer_to(state: WorkerState, request: dict[str, object]) -> Answer:
    """The service's answer; `failed` or `unusable` with a reason if it raises."""
    try:
        try:
            return SERVICES[str(request["do"])](state, request)
        except DeviceUnusableError:
            raise
        except Exception as error:
            status, reason = failure_of(error)
            return {"failed": status, "reason": reason}, []
    except DeviceUnusableError as unusable:
        return {"unusable": str(unusable)}, []


def main() -> None:
    """Serve the coordinator on the descriptors given."""
    channel_fd, watch_fd, coordinator = map(int, sys.argv[1:])
    limit_resources(coordinator)
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a problem's prints must not reach the coordinator's terminal
        os.dup2(nowhere.fileno(), 1)
    with contextlib.suppress(KeyboardInterrupt):
        serve(Channel(Connection(channel_fd)), WorkerState(Watch(watch_fd)))
    os._exit(0)  # an unusable device may hang at a regular exit


if __name__ == "__main__":
    main()
