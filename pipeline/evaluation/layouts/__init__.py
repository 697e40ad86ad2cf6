"""Data sets as they lie on disk, read as scenes: what to fit on, what to score, and the truth about it.

| layout   | what                                     | kind            | truth               |
|----------|------------------------------------------|-----------------|---------------------|
| `ucsd`   | UCSD Ped1 and Ped2                       | video           | .m file, masks      |
| `stc`    | ShanghaiTech Campus                      | video           | NumPy               |
| `avenue` | CUHK Avenue                              | video           | MATLAB masks        |
| `mvtec`  | MVTec AD and what is arranged like it    | images          | folder names, masks |
| `btad`   | BTAD                                     | images          | folder names, masks |
| `visa`   | VisA                                     | images          | CSV, masks          |
| `folder` | a user's own footage or pictures         | video or images | CSV, NumPy, masks   |

The module of each says exactly what has to be where. Reading a layout lists folders and reads frame labels;
masks are read one frame at a time, when asked for; footage is never opened here. Hidden files (`._001.tif`,
`.DS_Store`), `Thumbs.db`, `desktop.ini` and `__MACOSX` are passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from pipeline.evaluation.layouts.avenue import read_avenue
from pipeline.evaluation.layouts.btad import read_btad
from pipeline.evaluation.layouts.folder import read_folder
from pipeline.evaluation.layouts.mvtec import read_mvtec
from pipeline.evaluation.layouts.scenes import LabelledFootage, Scene, SceneKind, Truth
from pipeline.evaluation.layouts.stc import read_stc
from pipeline.evaluation.layouts.ucsd import read_ucsd
from pipeline.evaluation.layouts.visa import read_visa

__all__ = ["LAYOUTS", "LabelledFootage", "Scene", "SceneKind", "Truth"]

LAYOUTS: Mapping[str, Callable[[Path], list[Scene]]] = MappingProxyType(
    {
        "ucsd": read_ucsd,
        "stc": read_stc,
        "avenue": read_avenue,
        "mvtec": read_mvtec,
        "btad": read_btad,
        "visa": read_visa,
        "folder": read_folder,
    }
)
