"""What coordinator and worker say to each other: JSON and raw bytes over a socket, nothing pickled; and a watch.

The watch is a few bytes of shared memory in which the worker notes which candidate it is about to call, and since when; it
costs a fraction of a microsecond, so that a hang in C is attributed without a message per block.
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

_ENTRY_BYTES = 16


class Channel:
    """One end. A message is a JSON object and any number of byte strings."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def send(self, message: Mapping[str, Any], blobs: list[bytes] | None = None) -> None:
        """Raises BrokenPipeError where the other end is gone."""
        blobs = blobs or []
        self.connection.send_bytes(json.dumps({**message, "blobs": len(blobs)}).encode())
        for blob in blobs:
            self.connection.send_bytes(blob)

    def receive(self) -> tuple[dict[str, Any], list[bytes]]:
        """The next message. Raises EOFError where the other end is gone."""
        message = json.loads(self.connection.recv_bytes())
        return message, [self.connection.recv_bytes() for _ in range(message.pop("blobs"))]


class Watch:
    """Which candidate (its index, −1 for none) is being called, since when (nanoseconds of the monotonic clock).

    A reader may find one field of an old entry beside one of a new: believe what two readings apart agree on.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        if descriptor is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the mapping
            self._file.truncate(_ENTRY_BYTES)
            descriptor = self._file.fileno()
        self.descriptor = descriptor
        self._memory = mmap.mmap(descriptor, _ENTRY_BYTES)
        # Items of a view are stored whole; struct.pack_into would clear the memory first, for a reader to see.
        self._entry = memoryview(self._memory).cast("q")
        if hasattr(self, "_file"):
            self.enter(-1)

    def enter(self, index: int) -> None:
        """Note the candidate that is called next."""
        self._entry[0] = index
        self._entry[1] = monotonic_ns()

    def read(self) -> tuple[int, int]:
        """The candidate's index, and since when it is being called."""
        return self._entry[0], self._entry[1]

    def close(self) -> None:
        """Release the memory."""
        self._entry.release()
        self._memory.close()
        if hasattr(self, "_file"):
            self._file.close()
        else:
            os.close(self.descriptor)
