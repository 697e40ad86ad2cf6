"""What others published on the same data sets, to stand beside our figures.

Everything is 0 to 1 and on the scale of our own figures; the paper's PRO score is `aupro_30`. A table is shown where
backbone, ImageNet weights, number of channels D and layers are those of our run; how pictures are resized, the grid
and ε are ours to choose (`--preset paper` has the paper's).

Sources:

- PaDiM: Defard, Setkov, Loesch, Audigier, 2020, https://arxiv.org/abs/2011.08785. Taken from transcriptions of its
  tables in public repositories, each figure from two that agree or from one that agrees with the means and the
  differences that the paper states. Left out, since no transcription could be checked: PRO by category (table III),
  the AUROC of layer 3 alone (table I, where the one at hand contradicts its own means by class), and
  EfficientNet-B5 (table V, where D is not stated). The PRO score of table VI rests on one transcription alone.
- anomalib: src/anomalib/models/image/padim/README.md of https://github.com/openvinotoolkit/anomalib (seed 42; D is
  its default for the backbone). Its F1 is left out: its threshold is not chosen as ours is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pipeline.model.settings import Settings

__all__ = ["Published", "published_for"]

Figures = Mapping[str, float]

LAYERS = frozenset({"layer1", "layer2", "layer3"})

# In the order of the tables: textures, then objects.
MVTEC = (
    *("carpet", "grid", "leather", "tile", "wood", "bottle", "cable", "capsule"),
    *("hazelnut", "metal_nut", "pill", "screw", "toothbrush", "transistor", "zipper"),
)
# Scene 13 has nothing to score.
STC = tuple(f"{number:02d}" for number in range(1, 13))


@dataclass(frozen=True, slots=True)
class Published:
    """Figures of one source, as far as they belong beside ours.

    Attributes:
        label: short name, for columns.
        source: what it is, and which table of what.
        scenes: figures by scene, then by our name of the figure.
        mean: figures over all scenes of the data set; empty unless ours is over the same.
    """

    label: str
    source: str
    scenes: Mapping[str, Figures]
    mean: Figures


@dataclass(frozen=True, slots=True)
class _Table:
    """A published table and the settings it is for."""

    label: str
    source: str
    layout: str
    backbone: str
    dims: int | None
    mean: Figures
    scenes: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # by figure, in the order of MVTEC
    layers: frozenset[str] = LAYERS
    rotate_crop: bool = False

    def is_for(self, layout: str, settings: Settings, rotate_crop: bool) -> bool:
        return (
            (self.layout, self.backbone, self.dims) == (layout, settings.backbone, settings.dims)
            and settings.weights == "imagenet"
            and self.layers == (LAYERS if settings.taps is None else frozenset(settings.taps))
            and self.rotate_crop == rotate_crop
        )

    def beside(self, scenes: Collection[str]) -> Published:
        """What of it belongs beside figures of these scenes."""
        by_scene = {
            scene: {name: figures[place] for name, figures in self.scenes.items()}
            for place, scene in enumerate(MVTEC)
            if self.scenes and scene in scenes
        }
        complete = set(scenes) == set(STC if self.layout == "stc" else MVTEC)
        return Published(self.label, self.source, by_scene, self.mean if complete else {})


def published_for(
    layout: str, settings: Settings, *, rotate_crop: bool, scenes: Collection[str]
) -> tuple[Published, ...]:
    """Published figures that belong beside ours of these scenes, none where there are none."""
    found = [table.beside(scenes) for table in TABLES if table.is_for(layout, settings, rotate_crop)]
    return tuple(published for published in found if published.scenes or published.mean)


def _of_layer(layer: str, **mean: float) -> _Table:
    source = f"PaDiM-R18 with {layer} alone, Defard et al. 2020, table I"
    return _Table("paper", source, "mvtec", "resnet18", None, mean, layers=frozenset({layer}))


TABLES = (
    _Table(
        "paper",
        "PaDiM-R18-Rd100, Defard et al. 2020, table III",
        "mvtec",
        "resnet18",
        100,
        mean={"pixel_auroc": 0.967, "aupro_30": 0.901},
        scenes={
            "pixel_auroc": (
                *(0.989, 0.949, 0.991, 0.912, 0.936, 0.981, 0.958, 0.983),
                *(0.977, 0.967, 0.947, 0.974, 0.987, 0.972, 0.982),
            )
        },
    ),
    _Table(
        "paper",
        "PaDiM-WR50-Rd550, Defard et al. 2020, tables III and V",
        "mvtec",
        "wide_resnet50_2",
        550,
        mean={"image_auroc": 0.953, "pixel_auroc": 0.975, "aupro_30": 0.921},
        scenes={
            "pixel_auroc": (
                *(0.991, 0.973, 0.992, 0.941, 0.949, 0.983, 0.967, 0.985),
                *(0.982, 0.972, 0.957, 0.985, 0.988, 0.975, 0.985),
            )
        },
    ),
    _Table(
        "paper",
        "PaDiM-R18, all 448 channels, Defard et al. 2020, table I",
        "mvtec",
        "resnet18",
        None,
        mean={"pixel_auroc": 0.971, "aupro_30": 0.908},
    ),
    _of_layer("layer1", pixel_auroc=0.948, aupro_30=0.868),
    _of_layer("layer2", pixel_auroc=0.957, aupro_30=0.885),
    _of_layer("layer3", aupro_30=0.883),
    _Table(
        "paper",
        "PaDiM-WR50-Rd550 on Rd-MVTec AD, mean of 5 seeds, Defard et al. 2020, table VI",
        "mvtec",
        "wide_resnet50_2",
        550,
        mean={"pixel_auroc": 0.922, "aupro_30": 0.731},
        rotate_crop=True,
    ),
    _Table(
        "paper",
        "PaDiM-R18-Rd100, Defard et al. 2020, table IV",
        "stc",
        "resnet18",
        100,
        mean={"pixel_auroc": 0.912},
    ),
    _Table(
        "anomalib",
        "PaDiM with ResNet-18, anomalib's README of the model",
        "mvtec",
        "resnet18",
        100,
        mean={"image_auroc": 0.891, "pixel_auroc": 0.968},
        scenes={
            "image_auroc": (
                *(0.945, 0.857, 0.982, 0.950, 0.976, 0.994, 0.844, 0.901),
                *(0.750, 0.961, 0.863, 0.759, 0.889, 0.920, 0.780),
            ),
            "pixel_auroc": (
                *(0.984, 0.918, 0.994, 0.934, 0.947, 0.983, 0.965, 0.984),
                *(0.978, 0.970, 0.957, 0.978, 0.988, 0.968, 0.979),
            ),
        },
    ),
    _Table(
        "anomalib",
        "PaDiM with Wide ResNet-50, anomalib's README of the model",
        "mvtec",
        "wide_resnet50_2",
        550,
        mean={"image_auroc": 0.950, "pixel_auroc": 0.979},
        scenes={
            "image_auroc": (
                *(0.995, 0.942, 1.0, 0.974, 0.993, 0.999, 0.878, 0.927),
                *(0.964, 0.989, 0.939, 0.845, 0.942, 0.976, 0.882),
            ),
            "pixel_auroc": (
                *(0.991, 0.970, 0.993, 0.955, 0.957, 0.985, 0.970, 0.988),
                *(0.985, 0.982, 0.966, 0.988, 0.991, 0.976, 0.986),
            ),
        },
    ),
)
