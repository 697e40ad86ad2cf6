"""Engines: what runs the backbone, the distances and the smoothing.

On a CPU OpenVINO runs the backbone and a packed kernel the distances; on a GPU everything is torch. torch in float32
on a CPU is the reference that every other path is tested against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.errors import ConfigError
from pipeline.model.embedding import EmbeddingNetwork
from pipeline.model.gaussians import Gaussians
from pipeline.model.movers import Movers
from pipeline.model.padim import Scores
from pipeline.model.scorer import ScoredPart, Scorer
from pipeline.model.settings import Precision
from pipeline.model.smoothing import Smoothing
from pipeline.process import available_cores
from pipeline.types import Image, Size

__all__ = ["Engine", "EngineKind", "Hardware", "build_engine", "choose_hardware"]


class EngineKind(StrEnum):
    """Names of the engines."""

    OPENVINO = "openvino"
    TORCH = "torch"


class Engine(Protocol):
    """A backbone made ready for pictures of one size, in one precision."""

    device: torch.device
    precision: Precision

    def embed(self, frames: Image) -> Tensor:
        """(B, P, D) float32 embeddings of (B, H, W, 3) uint8 RGB frames, on `device`."""

    def scorer(
        self,
        gaussians: Gaussians,
        smoothing: Smoothing,
        mask: NDArray[np.bool_] | None,
        movers: Movers | None = None,
    ) -> Scorer:
        """Make Gaussians ready for scoring; `mask` is (H, W), true where scores are ignored."""

    def score(self, embeddings: Tensor, parts: Sequence[ScoredPart]) -> list[Scores]:
        """Scores of (B, P, D) embeddings of several cameras: the first scorer's come first, so many, and so on."""


@dataclass(frozen=True, slots=True)
class Hardware:
    """Where and how a process computes.

    Attributes:
        kind: the engine.
        device: a torch device; OpenVINO's is the CPU.
        threads: cores that torch, OpenVINO and the distance kernel may use.
    """

    kind: EngineKind
    device: torch.device
    threads: int

    @property
    def offered(self) -> tuple[Precision, ...]:
        """Precisions this hardware may compute in, the exact one first."""
        return (Precision.FLOAT32, Precision.FLOAT16 if self.device.type == "cuda" else Precision.BFLOAT16)


def choose_hardware(engine: str = "auto", device: str = "auto", threads: int | None = None) -> Hardware:
    """Resolve the options `--engine`, `--device` and `--threads`, and set torch's threads.

    Args:
        engine: "auto", "openvino" or "torch".
        device: "auto" (a GPU where there is one), "cpu", "cuda" or "cuda:N".
        threads: at least 1; None for all cores this process may use.
    Raises:
        ConfigError: the device is not there, or the engine does not run on it.
    """
    if engine not in ("auto", *EngineKind):
        raise ConfigError(f"--engine is {engine!r}, expected auto, openvino or torch.")
    count = available_cores() if threads is None else threads
    if count < 1:
        raise ConfigError(f"--threads is {threads}, expected 1 or more.")
    if device == "auto":
        device = "cuda" if engine != EngineKind.OPENVINO and torch.cuda.is_available() else "cpu"
    place = _device(device)
    if engine == "auto":
        engine = EngineKind.OPENVINO if place.type == "cpu" else EngineKind.TORCH
    if engine == EngineKind.OPENVINO and place.type != "cpu":
        raise ConfigError(f"--engine openvino runs on a CPU, --device is {device}; choose --engine torch.")
    torch.set_num_threads(count)
    return Hardware(EngineKind(engine), place, count)


def build_engine(network: EmbeddingNetwork, size: Size, hardware: Hardware, precision: Precision) -> Engine:
    """An engine for pictures of (H, W), warmed up: its first frame takes as long as any other.

    Raises:
        ConfigError: the hardware does not compute in that precision.
    """
    if precision not in hardware.offered:
        offered = " or ".join(hardware.offered)
        raise ConfigError(f"{precision} does not run on {hardware.device.type}; choose --precision {offered}.")
    engine: Engine
    # Either engine is loaded only where it is used: OpenVINO and numba take a second.
    if hardware.kind is EngineKind.OPENVINO:
        from pipeline.model.openvino_engine import OpenVinoEngine

        engine = OpenVinoEngine(network, size, hardware.threads, precision)
    else:
        from pipeline.model.torch_engine import TorchEngine

        engine = TorchEngine(network, hardware.device, precision)
    engine.embed(np.zeros((1, *size, 3), np.uint8))
    return engine


def _device(name: str) -> torch.device:
    try:
        place = torch.device(name)
    except RuntimeError:
        place = None
    if place is None or place.type not in ("cpu", "cuda"):
        raise ConfigError(f"--device is {name!r}, expected auto, cpu, cuda or cuda:N.")
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise ConfigError(f"--device is {name}, this machine has {torch.cuda.device_count()} CUDA devices; choose cpu.")
    return place
