"""A worker without its library work: frames that are there already, scores that are there already.

    python -m benchmarks.stream.hollow ROLE SITE --name NAME     as `python -m workers`

What is left is what the stream itself costs: publish, read, acknowledge, bookkeeping.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self
from unittest.mock import patch

import numpy as np

from pipeline.types import CoarseMap, Frame, Image, Size
from pipeline.video.jpeg import encode_jpeg
from pipeline.video.sampling import Sampling
from pipeline.video.sources import Source
from workers.__main__ import main

SOURCE: Size = (432, 768)
FRAMES_KEPT = 16
# What the default model takes on two cores; waited for, so that batches are as large as they would be.
MODEL_S = 0.0085


class HollowRecording:
    """A recording of a few frames again and again, as `pipeline.video.recording.Recording`."""

    size = SOURCE

    def __init__(self, watch: Callable[[], None]) -> None:
        self._watch = watch

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Nothing is open."""

    def frames(self, sampling: Sampling) -> Iterator[Frame]:
        """Frames for ever, at their times; whoever reads them waits."""
        chance = np.random.RandomState(0)
        shapes = ((*sampling.geometry.size, 3), (*SOURCE, 3))
        kept = [[chance.randint(0, 256, shape).astype(np.uint8) for shape in shapes] for _ in range(FRAMES_KEPT)]
        index = 0
        while True:
            self._watch()
            pixels, display = kept[index % FRAMES_KEPT]
            yield Frame(index, index / (sampling.fps or 1), pixels, SOURCE, display)
            index += 1


def _decoder() -> None:
    import workers.decoder.session as session

    # What a JPEG of real footage takes at this size.
    jpeg = encode_jpeg(np.zeros((*SOURCE, 3), np.uint8)) + bytes(57_000)

    def opened(source: Source, *, watch: Callable[[], None]) -> HollowRecording:
        return HollowRecording(watch)

    patch.object(session, "open_recording", opened).start()
    patch.object(session, "encode_jpeg", lambda picture: jpeg).start()


def _scorer() -> None:
    import workers.scorer.batch as batch
    from pipeline.model.frame_results import FrameResult

    result = FrameResult(0.5, 20.0, (1.0, 2.0), CoarseMap(np.full((30, 54), 9, np.uint8)))

    def together(parts: Sequence[tuple[object, Image, object]]) -> list[None]:
        time.sleep(MODEL_S * sum(len(frames) for _, frames, _ in parts))
        return [None] * len(parts)

    def results(model: object, scores: object, sizes: Sequence[Size]) -> list[FrameResult]:
        return [result] * len(sizes)

    patch.object(batch, "score_together", together).start()
    patch.object(batch, "results_of", results).start()


if __name__ == "__main__":
    if sys.argv[1] == "decoder":
        _decoder()
    elif sys.argv[1] == "scorer":
        _scorer()
    sys.exit(main())
