"""Exceptions that a problem's code raises, as a status and a reason."""

from __future__ import annotations

import torch

UNSUPPORTED = ("not implemented for", "not supported for", "does not support", "could not run 'aten::",
               "stream is capturing", "error during capture")  # fmt: skip
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")
DEVICE_UNUSABLE = ("device-side assert", "illegal memory access", "unspecified launch failure", "misaligned address",
                   "illegal instruction", "hardware stack error", "invalid program counter", "invalid address space",
                   "uncorrectable ecc error", "device not ready")  # fmt: skip
"""CUDA errors after which every later CUDA call of the process fails too (CUDA Runtime API, `cudaError_t`)."""


class DeviceUnusableError(Exception):
    """A method left the process's CUDA context unusable. The worker reports it and ends."""


def failure_of(error: BaseException) -> tuple[str, str]:
    """Status and one-line reason of an exception that a method raised. Raises DeviceUnusableError."""
    first = (str(error).strip().splitlines() or [""])[0]
    text = printable(f"{type(error).__name__}: {first}"[:300])
    words = str(error).lower()
    if "cuda" in words and any(mark in words for mark in DEVICE_UNUSABLE):
        raise DeviceUnusableError(text) from error
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(mark in words for mark in OUT_OF_MEMORY):
        return "oom", text
    if isinstance(error, NotImplementedError) or any(mark in words for mark in UNSUPPORTED):
        return "unsupported", text
    return "error", text


def printable(text: str) -> str:
    """The text with control characters escaped, so that a terminal does not execute them."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
