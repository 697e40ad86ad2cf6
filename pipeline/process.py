"""What every process that holds torch or numpy frames sets, in one place, before torch is loaded.

Without the allocator's thresholds glibc hands every large array back to the kernel and asks for it again: the same
smoothing then takes 8.4 ms instead of 1.6 (3,142 page faults against none). Without passive waiting two processes of
torch on two busy cores fall from 28.7 to 4.3 frames/s.
"""

from __future__ import annotations

import ctypes
import os
import sys

__all__ = ["available_cores", "prepare_process", "return_memory"]

MMAP_THRESHOLD_BYTES = 32 << 20
TRIM_THRESHOLD_BYTES = 128 << 20
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc


def prepare_process() -> None:
    """Set allocator and thread waiting for this process and its children. Call before torch is imported."""
    os.environ.setdefault("MALLOC_MMAP_THRESHOLD_", str(MMAP_THRESHOLD_BYTES))
    os.environ.setdefault("MALLOC_TRIM_THRESHOLD_", str(TRIM_THRESHOLD_BYTES))
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if sys.platform == "linux":
        # glibc read the environment when this process began, so it is told again; musl has no mallopt.
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
            mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES)


def return_memory() -> None:
    """Hand back to the kernel what is free but lies between what is not: before work that takes as much once more."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def available_cores() -> int:
    """Cores this process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
