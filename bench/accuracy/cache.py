"""A cache of arrays by content: in memory for later cases of a process, on disk for later processes and runs.

A key is a hash of everything that the arrays depend on, so an entry is never out of date. Any number of processes share
a folder; an entry appears whole or not at all. What cannot be read is computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import zipfile
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.fx import GraphModule

from gradiometer.problems.inputs import bits

Array = np.ndarray[Any, Any]

VERSION = 2
"""Version of the cache format. Increment it to invalidate existing entries."""
MEMORY_BYTES = 2**28
DISK_BYTES = 2**30
"""Largest sizes of the cache in memory and on disk; the entries used longest ago are removed first."""

_FILE = re.compile(r"[0-9a-f]{64}\.(entry|npz)|\.[0-9a-f]{64}\.[0-9]+\.new")
"""Names of the cache's own files: entries (`npz` in version 1), and entries being written. No other file is removed."""


def folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The cache's own folder `gradiometer/references` below `GRADIOMETER_CACHE`, else below the user's cache folder.

    None (no cache on disk) where `GRADIOMETER_CACHE` is empty or the user has no home.
    """
    named = environment.get("GRADIOMETER_CACHE")
    if named == "":
        return None
    try:
        base = Path(named or environment.get("XDG_CACHE_HOME") or Path.home() / ".cache").expanduser()
    except RuntimeError:  # no home folder
        return None
    return base / "gradiometer" / "references"


@cache
def _engine() -> bytes:
    """Hash of the code that computes values: the versions of three libraries and the files of graph/."""
    versions = [version(name) for name in ("python-flint", "numpy", "torch")]
    digest = hashlib.sha256(repr((VERSION, versions)).encode())
    for source in sorted((Path(__file__).parents[1] / "graph").rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.digest()


def content_key(graph: GraphModule, inputs: Sequence[torch.Tensor], what: str) -> str:
    """Key of a computed value: a hash of the graph's code and constants, the inputs' dtypes, shapes and bits, `what` is
    computed, and the code that computes it.
    """
    constants = [getattr(graph, node.target) for node in graph.graph.nodes if node.op == "get_attr"]
    digest = hashlib.sha256(_engine() + f"{what}\n{graph.code}".encode())
    for tensor in (*constants, *inputs):
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode() + bits(tensor))
    return digest.hexdigest()


class Cache:
    """Lists of arrays by key, a key being 64 hexadecimal digits. No method raises for a damaged or unwritable disk.

    The arrays returned are shared; do not write into them.
    """

    def __init__(self, folder: Path | None, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = DISK_BYTES) -> None:
        self.folder, self.memory_bytes, self.disk_bytes = folder, memory_bytes, disk_bytes
        self._memory: OrderedDict[str, list[Array]] = OrderedDict()

    def get(self, key: str) -> list[Array] | None:
        """The arrays of an entry, in order; None where there is no entry or it is damaged."""
        if key in self._memory:
            self._memory.move_to_end(key)
            return self._memory[key]
        found = None if self.folder is None else _read(self.folder / f"{key}.entry")
        if found is not None:
            self._remember(key, found)
        return found

    def put(self, key: str, arrays: list[Array]) -> None:
        """Store arrays of numbers or strings as an entry; removes old entries where the cache exceeds its size."""
        self._remember(key, arrays)
        if self.folder is not None:
            with contextlib.suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                _write(self.folder / f"{key}.entry", arrays)
                _prune(self.folder, self.disk_bytes)

    def _remember(self, key: str, arrays: list[Array]) -> None:
        self._memory[key] = arrays
        self._memory.move_to_end(key)
        kept = sum(array.nbytes for entry in self._memory.values() for array in entry)
        while kept > self.memory_bytes:
            _, dropped = self._memory.popitem(last=False)
            kept -= sum(array.nbytes for array in dropped)


def _checksum(path: Path, content: bytes) -> bytes:
    """Covers the key too, so that an entry under another name is not read."""
    return hashlib.sha256(path.stem.encode() + content).digest()


def _read(path: Path) -> list[Array] | None:
    try:
        whole = path.read_bytes()
        checksum, content = whole[:32], whole[32:]
        if checksum != _checksum(path, content):
            return None
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            found = [file[name] for name in file.files]
        os.utime(path)  # the time of last use
        return found
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return None


def _write(path: Path, arrays: list[Array]) -> None:
    content = io.BytesIO()
    np.savez(content, *arrays)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.new")
    temporary.write_bytes(_checksum(path, content.getvalue()) + content.getvalue())
    temporary.replace(path)


def _prune(folder: Path, most_bytes: int) -> None:
    """Remove the oldest of the cache's files, also half-written files of ended processes, until the rest fits."""
    entries = []
    with os.scandir(folder) as files:
        for file in files:
            if not _FILE.fullmatch(file.name) or not file.is_file(follow_symlinks=False):
                continue
            with contextlib.suppress(FileNotFoundError):  # another process prunes too
                status = file.stat()
                entries.append((status.st_mtime_ns, status.st_size, file.path))
    kept = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if kept <= most_bytes:
            return
        Path(path).unlink(missing_ok=True)
        kept -= size
