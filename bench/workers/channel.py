"""Connection between coordinator and worker: messages over a socket, and a watch in shared memory.

A message is JSON and raw bytes; nothing is pickled. The worker notes in the watch which candidate it is about to call,
and since when. A note costs a fraction of a microsecond, so that a hang in C is attributed without a message per block.
"""

from __future__ import annotations

import json
import mmap
import os
import tempfile
from collections.abc import Mapping
from multiprocessing.connection import Connection
from time import monotonic_ns
from typing import Any

NO_CANDIDATE, REFERENCE = -1, -2
"""Indices that are no candidate's: other work of a worker, and the computation of a reference."""
_ENTRY_BYTES = 16

Answer = tuple[dict[str, Any], list[bytes]]


class Channel:
    """One end. A message is a JSON object and any number of byte strings."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def send(self, message: Mapping[str, Any], blobs: list[bytes] | None = None) -> None:
        """Raises OSError (usually BrokenPipeError) if the other end is gone."""
        blobs = blobs or []
        self.connection.send_bytes(json.dumps({**message, "blobs": len(blobs)}).encode())
        for blob in blobs:
            self.connection.send_bytes(blob)

    def receive(self) -> Answer:
        """The next message. Raises EOFError or OSError if the other end is gone."""
        message = json.loads(self.connection.recv_bytes())
        return message, [self.connection.recv_bytes() for _ in range(message.pop("blobs"))]


class Watch:
    """Index of the candidate that is being called, and since when (nanoseconds of the monotonic clock).

    A reader may find one field of an old entry beside one of a new entry: use an entry that two readings agree on.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        if descriptor is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the mapping
            self._file.truncate(_ENTRY_BYTES)
            descriptor = self._file.fileno()
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _ENTRY_BYTES)
        # A memoryview stores an item at once. struct.pack_into clears the memory first, which a reader could see.
        self._entry = memoryview(self._memory).cast("q")
        if hasattr(self, "_file"):
            self.enter(NO_CANDIDATE)

    def enter(self, index: int) -> None:
        """Note the candidate that is called next."""
        self._entry[0] = index
        self._entry[1] = monotonic_ns()

    def read(self) -> tuple[int, int]:
        """Index of the candidate, and since when it is being called."""
        return self._entry[0], self._entry[1]

    def close(self) -> None:
        """Release the memory."""
        self._entry.release()
        self._memory.close()
        if hasattr(self, "_file"):
            self._file.close()
        else:
            os.close(self.descriptor)
