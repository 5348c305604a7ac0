"""Durable writes: after them, a reader finds the old content or the new one, never a part."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def to_json(value: Any, indent: int | None = None) -> str:
    """`value` as JSON on one line, or indented. NaN and infinities become null, which is what they mean in a row."""
    separators = (",", ":") if indent is None else None
    return json.dumps(_finite(value), ensure_ascii=False, allow_nan=False, separators=separators, indent=indent)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def sync_folder(folder: Path) -> None:
    """Make new, renamed and removed names in `folder` durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace(path: Path, temporary: Path) -> None:
    """Rename `temporary` to `path` durably, in one step."""
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, durably. Raises OSError."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(to_json(value, indent=1) + "\n", "utf-8")
    replace(path, temporary)
