"""Arrays kept by content: in this process for the next case, on disk for the next process or run.

A key is a hash of everything that the arrays depend on, so an entry may be old but never wrong. Any number of
processes share a folder: an entry appears whole or not at all. What cannot be read or written is computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
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

SCHEMA = 1
"""Of what an entry holds: another number, and all entries are others'."""
MEMORY_BYTES = 2**28
DISK_BYTES = 2**30
"""What is kept at most; the oldest goes first."""


def folder(environment: Mapping[str, str] = os.environ) -> Path | None:
    """`GRADIOMETER_CACHE`, else the platform's own place for caches; None where that is empty, or there is none."""
    named = environment.get("GRADIOMETER_CACHE")
    if named is not None:
        return Path(named) if named else None
    base = environment.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "gradiometer" / "references"
    except RuntimeError:  # nobody's home
        return None


@cache
def _engine() -> bytes:
    """What computes a value: our own arithmetic, and the libraries that it stands on."""
    versions = [version(name) for name in ("python-flint", "numpy", "torch")]
    digest = hashlib.sha256(repr((SCHEMA, versions)).encode())
    for source in sorted((Path(__file__).parents[1] / "graph").rglob("*.py")):
        digest.update(source.read_bytes())
    return digest.digest()


def content_key(graph: GraphModule, inputs: Sequence[torch.Tensor], what: str) -> str:
    """The key of what is computed: from a graph's own text and constants, on an input's bits and dtype, by whom."""
    constants = [getattr(graph, node.target) for node in graph.graph.nodes if node.op == "get_attr"]
    digest = hashlib.sha256(_engine() + f"{what}\n{graph.code}".encode())
    for tensor in (*constants, *inputs):
        digest.update(f"{tensor.dtype} {tuple(tensor.shape)}\n".encode() + bits(tensor))
    return digest.hexdigest()


class Cache:
    """Lists of arrays by key; nothing it does raises. What it returns is shared: do not write into it."""

    def __init__(self, folder: Path | None, memory_bytes: int = MEMORY_BYTES, disk_bytes: int = DISK_BYTES) -> None:
        self.folder, self.memory_bytes, self.disk_bytes = folder, memory_bytes, disk_bytes
        self._memory: OrderedDict[str, list[Array]] = OrderedDict()

    def get(self, key: str) -> list[Array] | None:
        """The arrays under a key, in order; None where there are none, or none that are whole."""
        if key in self._memory:
            self._memory.move_to_end(key)
            return self._memory[key]
        found = None if self.folder is None else _read(self.folder / f"{key}.npz")
        if found is not None:
            self._remember(key, found)
        return found

    def put(self, key: str, arrays: list[Array]) -> None:
        """Keep the arrays, of numbers or strings, under a key."""
        self._remember(key, arrays)
        if self.folder is not None:
            with contextlib.suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                _write(self.folder / f"{key}.npz", arrays)
                _prune(self.folder, self.disk_bytes)

    def _remember(self, key: str, arrays: list[Array]) -> None:
        self._memory[key] = arrays
        self._memory.move_to_end(key)
        kept = sum(array.nbytes for entry in self._memory.values() for array in entry)
        while kept > self.memory_bytes:
            _, dropped = self._memory.popitem(last=False)
            kept -= sum(array.nbytes for array in dropped)


def _read(path: Path) -> list[Array] | None:
    try:
        with np.load(path, allow_pickle=False) as file:  # a zip archive, whose checksums are compared on reading
            found = [file[name] for name in file.files]
        os.utime(path)  # it is in use: not the oldest any more
        return found
    except (OSError, ValueError, EOFError, KeyError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        return None


def _write(path: Path, arrays: list[Array]) -> None:
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.new")
    with temporary.open("wb") as file:
        np.savez(file, *arrays)
    temporary.replace(path)


def _prune(folder: Path, most_bytes: int) -> None:
    """Remove the oldest files, halves of what a process that ended was writing among them."""
    entries = []
    with os.scandir(folder) as files:
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # another process prunes too
                status = file.stat()
                entries.append((status.st_mtime_ns, status.st_size, file.path))
    kept = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if kept <= most_bytes:
            return
        Path(path).unlink(missing_ok=True)
        kept -= size
