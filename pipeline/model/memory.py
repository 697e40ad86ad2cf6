"""What a fit needs of memory, and whether it is there."""

from __future__ import annotations

from pathlib import Path

import psutil
import torch

from pipeline.errors import ModelError
from pipeline.model.embedding import EmbeddingNetwork
from pipeline.types import Size

__all__ = ["check_memory", "held_frames", "needed_bytes"]

# The first embeddings of a fit are held until they are cross-validated: a minute and a half of the default model.
HELD_BYTES = 256 << 20
HELD_MOST, HELD_LEAST = 512, 64


def held_frames(positions: int, dims: int) -> int:
    """How many frames' embeddings a fit holds at its beginning."""
    return min(HELD_MOST, max(HELD_LEAST, HELD_BYTES // (positions * dims * 4)))


def needed_bytes(positions: int, dims: int) -> int:
    """Memory that a fit takes at most.

    Its moments and those of a part, the Gaussians of two blocks as the torch engine holds them, the held embeddings.
    """
    moments = positions * dims * (dims + 1) * 8
    packed, whole = positions * dims * (dims + 3) // 2 * 4, positions * dims * dims * 4
    return 2 * moments + 2 * (packed + whole) + held_frames(positions, dims) * positions * dims * 4


def check_memory(network: EmbeddingNetwork, size: Size, device: torch.device) -> None:
    """Refuse a fit that memory will not hold, before anything is made for it.

    Args:
        size: (H, W) of the model pictures.
        device: where the moments will be.
    Raises:
        ModelError: less is free than the fit needs.
    """
    rows, columns = network.positions(size)
    positions, dims = rows * columns, len(network.channels)
    needed, free = needed_bytes(positions, dims), _free_bytes(device)
    if needed > free:
        raise ModelError(
            f"a fit of {positions} positions with {dims} numbers each needs {needed / 1e9:.1f} GB of memory, "
            f"{free / 1e9:.1f} GB are free; choose fewer --dims, --grid 8 or a smaller --size."
        )


def _free_bytes(device: torch.device) -> int:
    """Memory that may still be taken, on a CPU within the limit of the control group where there is one."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free: int = psutil.virtual_memory().available
    group = Path("/sys/fs/cgroup")
    try:
        limit = int((group / "memory.max").read_text())
        free = min(free, limit - int((group / "memory.current").read_text()))
    except (OSError, ValueError):  # no control groups, or "max": no limit of its own
        pass
    return free
