"""How a camera's pictures become model pictures: as its model says, or as one that is fitted later will."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import ModelError, SourceError
from pipeline.model.card import ModelCard, read_card
from pipeline.types import Geometry, Size, model_size, same_view

__all__ = ["View", "Views"]

LOOK_S = 2.0


@dataclass(frozen=True, slots=True)
class View:
    """What a model asks for.

    Attributes:
        geometry: how pictures become model pictures.
        motion: whether it wants to know what moves, too.
    """

    geometry: Geometry
    motion: bool


class Views:
    """Follows the model file of a camera.

    Args:
        model: where it lies, or will.
        short_side: of model pictures while there is none.
    """

    def __init__(self, model: Path, short_side: int) -> None:
        self._model, self._short_side = model, short_side
        self._seen: tuple[int, ...] | None = None
        self._card: ModelCard | None = None
        self._looked_s = 0.0

    def view(self, where: str, size: Size) -> View:
        """What is to be made of pictures of a size.

        Raises:
            SourceError: they have another shape than those that the model was fitted on.
        """
        self._look()
        card = self._card
        if card is None:
            return View(Geometry(model_size(size, self._short_side)), motion=False)
        if not same_view(size, card.source_size):
            (height, width), (model_height, model_width) = size, card.source_size
            raise SourceError(
                f"{where}: its pictures are {height}x{width}, another shape than the {model_height}x{model_width} "
                f"that {self._model} is for; set the camera back, or fit the model again."
            )
        return View(card.geometry, card.has_motion)

    def outdated(self, view: View, size: Size) -> bool:
        """Whether the model file now asks for something else; looked at every two seconds."""
        if time.monotonic() - self._looked_s < LOOK_S:
            return False
        self._look()
        card = self._card
        if card is None:
            return False
        return View(card.geometry, card.has_motion) != view or not same_view(size, card.source_size)

    def _look(self) -> None:
        self._looked_s = time.monotonic()
        seen = _stamp(self._model)
        if seen == self._seen:
            return
        self._seen = seen
        if seen is None:
            self._card = None
            return
        try:
            self._card = read_card(self._model)
        except ModelError:
            # It is being copied, or is none of ours: whoever scores says so. Until then the last good one counts.
            return


def _stamp(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
