"""BTAD, the beanTech data set (Mishra et al., 2021), as it is distributed: single pictures of three products.

    ROOT/NN/train/ok/*                     normal, to fit on
    ROOT/NN/test/ok/*                      normal
    ROOT/NN/test/ko/NAME.*                 defective
    ROOT/NN/ground_truth/ko/NAME.*         which pixels are

ROOT may be a product itself. Pictures and masks are .bmp or .png, not always the same.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.evaluation.layouts.categories import Naming, read_categories
from pipeline.evaluation.layouts.scenes import Scene

__all__ = ["read_btad"]

NAMING = Naming(normal="ok", mask_ending="")
ARRANGEMENT = "the btad layout has train/ok, test/ok, test/ko and ground_truth/ko in every product"


def read_btad(root: Path) -> list[Scene]:
    """Scenes of BTAD: its products, or the one product that `root` is.

    Raises:
        ConfigError: a part is missing.
    """
    return read_categories(root, NAMING, ARRANGEMENT)
