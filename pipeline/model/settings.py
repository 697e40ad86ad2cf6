"""Every choice that changes a score, as it is saved with the model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from pipeline.errors import ConfigError
from pipeline.model.smoothing import Upsampling

__all__ = ["PAPER", "Epsilon", "Method", "Precision", "Settings"]

# Shrinkage where none is given.
OF_FOOTAGE, OF_PICTURES = 0.7, 0.1


class Method(StrEnum):
    """What a score is made of."""

    PADIM = "padim"  # appearance alone, as published
    STILLWATCH = "stillwatch"  # appearance, the looks of what moves, and motion


class Precision(StrEnum):
    """Number format in which the backbone and the distances are computed."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


# σ where none is given.
SIGMA_PX = {Method.PADIM: 4.0, Method.STILLWATCH: 1.0}


@dataclass(frozen=True, slots=True)
class Epsilon:
    """What is added to the diagonal of each covariance.

    Attributes:
        value: above 0.
        kind: "absolute" adds `value`, as the paper does; "relative" adds `value` times the mean feature variance over
            all positions, which suits every backbone, and positions that saw little.
    """

    value: float
    kind: Literal["absolute", "relative"] = "relative"

    @classmethod
    def parse(cls, text: str) -> Epsilon:
        """Epsilon of an option's text: "0.1" is relative, "abs:0.01" absolute.

        >>> Epsilon.parse("abs:0.01")
        Epsilon(value=0.01, kind='absolute')

        Raises:
            ConfigError: not a number above 0.
        """
        kind: Literal["absolute", "relative"] = "absolute" if text.startswith("abs:") else "relative"
        try:
            value = float(text.removeprefix("abs:"))
        except ValueError:
            value = float("nan")
        if not 0 < value < float("inf"):
            raise ConfigError(
                f"--epsilon is {text!r}, expected a number above 0 such as 0.1, or abs:0.01 for the paper's."
            )
        return cls(value, kind)

    def absolute(self, mean_variance: float) -> float:
        """What is added, where the mean feature variance is so much."""
        return self.value if self.kind == "absolute" else self.value * mean_variance

    def __str__(self) -> str:
        return f"abs:{self.value:g}" if self.kind == "absolute" else f"{self.value:g}"


@dataclass(frozen=True, slots=True)
class Settings:
    """How pictures become anomaly maps.

    Attributes:
        method: what a score is made of; pictures without a clock have no motion, so that it is "padim" for them.
        backbone, weights: see `pipeline.model.backbones`.
        taps: names of the backbone's taps, or None for all of them.
        dims: D, or None for all channels of the taps.
        seed: picks the channels, and the weights where they are random.
        grid: stride of the grid of positions in pixels; 4 is the paper's, 8 averages finer taps.
        epsilon: added to the diagonal of the covariances.
        shrinkage: share of each covariance that is the mean covariance of all positions, 0 to 1; the paper's is 0.
            None before a fit, which takes 0.7 for footage and 0.1 for pictures without a clock.
        sigma_px: σ of the Gaussian that smooths the anomaly map; None before a fit, which takes the paper's 4 for
            "padim" and 1 for "stillwatch", whose people are small (docs/decisions/0009-motion.md).
        upsampling: how distance maps grow to picture size.
    """

    method: Method = Method.STILLWATCH
    backbone: str = "efficientnet_lite0"
    weights: str = "imagenet"
    taps: tuple[str, ...] | None = None
    dims: int | None = 100
    seed: int = 0
    grid: int = 8
    # Chosen by `python -m benchmarks.regularisation`: docs/decisions/0003-regularisation.md.
    epsilon: Epsilon = Epsilon(0.1)
    shrinkage: float | None = None
    sigma_px: float | None = None
    upsampling: Upsampling = "bilinear"

    def __post_init__(self) -> None:
        if self.grid not in (4, 8, 16):
            raise ConfigError(f"--grid is {self.grid}, expected 4 (the paper's), 8 or 16.")
        if self.shrinkage is not None and not 0 <= self.shrinkage <= 1:
            raise ConfigError(f"--shrinkage is {self.shrinkage:g}, expected 0 to 1.")
        if self.sigma_px is not None and not 0 <= self.sigma_px < 100:
            raise ConfigError(f"--sigma is {self.sigma_px:g}, expected 0 to 100 pixels.")

    @property
    def has_motion(self) -> bool:
        """Whether a fit learns what moves, too."""
        return self.method is Method.STILLWATCH

    def for_footage(self, *, clocked: bool) -> Settings:
        """The same with a method and a shrinkage, for footage that has a clock or for pictures that have none.

        Positions of footage see the same people in turn, so what one has not seen yet others can tell it; the parts of
        a product differ for a reason (docs/decisions/0003-regularisation.md).
        """
        method = self.method if clocked else Method.PADIM
        shrinkage = (OF_FOOTAGE if clocked else OF_PICTURES) if self.shrinkage is None else self.shrinkage
        return replace(self, method=method, shrinkage=shrinkage, sigma_px=replace(self, method=method).sigma)

    @property
    def sigma(self) -> float:
        """σ in pixels, as chosen or as the method has it."""
        return SIGMA_PX[self.method] if self.sigma_px is None else self.sigma_px

    def with_changes(self, **changes: object) -> Settings:
        """A copy with other values; unknown names raise TypeError."""
        return replace(self, **changes)  # type: ignore[arg-type]  # names and types are checked by the constructor


# As published (Defard et al. 2020, sections III and IV): R18-Rd100.
PAPER = Settings(
    method=Method.PADIM,
    backbone="resnet18",
    grid=4,
    epsilon=Epsilon(0.01, "absolute"),
    shrinkage=0.0,
    sigma_px=4.0,
    upsampling="bicubic",
)
