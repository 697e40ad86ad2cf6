"""MVTec AD (Bergmann et al., 2019) and data sets arranged like it: single pictures, a category to a folder.

    ROOT/CATEGORY/train/good/*                             normal, to fit on
    ROOT/CATEGORY/test/good/*                              normal
    ROOT/CATEGORY/test/KIND/NAME.*                         defective
    ROOT/CATEGORY/ground_truth/KIND/NAME_mask.*            which pixels are

ROOT may be a category itself.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.evaluation.layouts.categories import Naming, read_categories
from pipeline.evaluation.layouts.scenes import Scene

__all__ = ["NAMING", "read_mvtec"]

NAMING = Naming(normal="good", mask_ending="_mask")
ARRANGEMENT = "the mvtec layout has train/good, test/KIND and ground_truth/KIND in every category"


def read_mvtec(root: Path) -> list[Scene]:
    """Scenes of MVTec AD: its categories, or the one category that `root` is.

    Raises:
        ConfigError: a part is missing.
    """
    return read_categories(root, NAMING, ARRANGEMENT)
