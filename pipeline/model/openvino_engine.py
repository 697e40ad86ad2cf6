"""The CPU engine: OpenVINO for the backbone, packed distances, folded smoothing.

EfficientNet-Lite0 at 240×432 takes eager torch 22 to 37 ms a frame and OpenVINO 5 to 7 on the same two threads
(`python -m benchmarks.detector`).
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.model.distances import packed_distances
from pipeline.model.embedding import EmbeddingNetwork
from pipeline.model.gaussians import Gaussians
from pipeline.model.movers import Movers
from pipeline.model.padim import Scores, scores_of
from pipeline.model.scorer import ScoredPart, Scorer
from pipeline.model.settings import Precision
from pipeline.model.smoothing import Smoothing
from pipeline.types import Image, Size

# Importing openvino alone gives this machine an id and looks for a server to report its use to. A program that watches
# cameras does not: without that package openvino falls back to a stub of its own.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # None is how a module is said not to be

import openvino as ov  # noqa: E402
from openvino.frontend import FrontEndManager  # noqa: E402
from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder  # noqa: E402

__all__ = ["OpenVinoEngine"]

# Left to itself OpenVINO takes bfloat16 wherever the processor knows it.
HINTS = {Precision.FLOAT32: "f32", Precision.BFLOAT16: "bf16"}


class OpenVinoEngine:
    """See `pipeline.model.engine.Engine`. Frames go through one by one, as many at a time as there are threads."""

    def __init__(self, network: EmbeddingNetwork, size: Size, threads: int, precision: Precision) -> None:
        self.device, self.precision = torch.device("cpu"), precision
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, "distances") if threads > 1 else None
        options = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": threads,
            "INFERENCE_PRECISION_HINT": HINTS[precision],
        }
        compiled = ov.Core().compile_model(_converted(network, size), "CPU", options)
        self._shape = tuple(compiled.output(0).shape)[1:]
        self._queue = ov.AsyncInferQueue(compiled, threads)
        self._results = _Results()
        self._queue.set_callback(self._results.keep)

    def embed(self, frames: Image) -> Tensor:
        """(B, P, D) float32 embeddings of (B, H, W, 3) uint8 RGB frames."""
        embeddings = self._results.embeddings = np.empty((len(frames), *self._shape), np.float32)
        for number in range(len(frames)):
            self._queue.start_async(frames[number : number + 1], number)
        self._queue.wait_all()
        return torch.from_numpy(embeddings)

    def scorer(
        self,
        gaussians: Gaussians,
        smoothing: Smoothing,
        mask: NDArray[np.bool_] | None,
        movers: Movers | None = None,
    ) -> PackedScorer:
        """Make Gaussians ready for scoring."""
        return PackedScorer(gaussians, smoothing, mask, movers, self._pool, self._threads)

    def score(self, embeddings: Tensor, parts: Sequence[ScoredPart]) -> list[Scores]:
        """Scores of several cameras' embeddings: each as it would be alone, to the last bit."""
        own = torch.split(embeddings, [count for _, count in parts])
        return [scorer(part) for (scorer, _), part in zip(parts, own, strict=True)]


class _Results:
    """Where the queue puts embeddings. Not into the engine, which holds the queue: each would keep the other alive."""

    def __init__(self) -> None:
        self.embeddings = np.empty(0, np.float32)

    def keep(self, request: ov.InferRequest, number: int) -> None:
        self.embeddings[number] = request.get_output_tensor(0).data[0]


class PackedScorer(Scorer):
    """Distances by the packed kernel, maps by two small matrices."""

    def __init__(
        self,
        gaussians: Gaussians,
        smoothing: Smoothing,
        mask: NDArray[np.bool_] | None,
        movers: Movers | None,
        pool: ThreadPoolExecutor | None,
        threads: int,
    ) -> None:
        self._movers = movers
        self._mean = gaussians.mean.contiguous().numpy()
        self._whitening = gaussians.whitening.contiguous().numpy()
        self.smoothing = smoothing
        self.visible = None if mask is None else torch.from_numpy(~mask)
        self._pool, self._threads = pool, threads
        self(torch.from_numpy(self._mean[np.newaxis]))  # compiles the kernel, folds the matrices

    @property
    def tensors(self) -> list[Tensor]:
        """What it holds in memory."""
        held = [torch.from_numpy(self._mean), torch.from_numpy(self._whitening)]
        held += [] if self._movers is None else self._movers.tensors
        return held if self.visible is None else [*held, self.visible]

    def distances(self, embeddings: Tensor) -> Tensor:
        """(B, P) float32 distances of (B, P, D) float32 embeddings to the positions' own Gaussians."""
        return self._packed(embeddings, self._mean, self._whitening)

    def nearer(self, embeddings: Tensor, own: Tensor) -> Tensor | None:
        """(B, P) the nearer of those and the distances to what moves; None without movers."""
        if self._movers is None:
            return None
        rows = self._movers.gaussians
        by_rows = self._packed(self._movers.by_rows(embeddings), rows.mean.numpy(), rows.whitening.numpy())
        return self._movers.nearer(own, by_rows)

    def _packed(self, embeddings: Tensor, mean: NDArray[np.float32], whitening: NDArray[np.float32]) -> Tensor:
        values = embeddings.contiguous().numpy()
        return torch.from_numpy(packed_distances(values, mean, whitening, self._pool, self._threads))

    def scores(self, distances: Tensor, smoothing: Smoothing) -> Scores:
        """Scores of (B, h, w) distances of any kind."""
        with torch.inference_mode():
            return scores_of(smoothing.folded(distances), self.visible)


def _converted(network: EmbeddingNetwork, size: Size) -> ov.Model:
    """The network for one picture of (H, W).

    The frontend is called directly, which is all that `openvino.convert_model` would do for it. Tracing is deprecated
    in torch, but takes a fifth of the time of `torch.export` here (1.2 s against 5.2) and gives the same graph.
    """
    example = torch.zeros((1, *size, 3), dtype=torch.uint8)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(network, example, check_trace=False)  # type: ignore[no-untyped-call]
        decoder = TorchScriptPythonDecoder(traced)
        frontend = FrontEndManager().load_by_framework("pytorch")
        model: ov.Model = frontend.convert(frontend.load(decoder))
    model.reshape([1, *size, 3])
    return model
