"""Options that several commands share: each has one name, one meaning, one default.

A group of options reaches its command as one value: `window`, `recipe` or `hardware`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.errors import ConfigError, ModelError
from pipeline.files import check_writable
from pipeline.types import Size

if TYPE_CHECKING:
    from pipeline.fit import FitOptions
    from pipeline.model.engine import Hardware
    from pipeline.model.settings import Settings

__all__ = [
    "PRECISIONS",
    "HardwareChoices",
    "Recipe",
    "Window",
    "alarms_option",
    "check_model_output",
    "footage_argument",
    "hardware_options",
    "json_option",
    "recipe_options",
    "window_options",
]

# click calls commands with whatever their decorators declare.
Command = Callable[..., Any]
Decorator = Callable[[Command], Command]

BACKBONES = ("efficientnet_lite0", "resnet18", "wide_resnet50_2", "efficientnet_b5")
PRECISIONS = ("float32", "bfloat16", "float16")


@dataclass(frozen=True, slots=True)
class Window:
    """Which frames of the footage are taken; None where an option was not given."""

    fps: float | None
    input_fps: float | None
    from_s: float
    until_s: float | None


@dataclass(frozen=True, slots=True)
class HardwareChoices:
    """What to compute with, as given."""

    engine: str
    device: str
    threads: int | None

    def resolved(self) -> Hardware:
        """The hardware that this means here."""
        from pipeline.model.engine import choose_hardware

        return choose_hardware(self.engine, self.device, self.threads)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a model is made of, as given; None where an option was not given."""

    method: str | None
    preset: str | None
    backbone: str | None
    weights: str | None
    taps: str | None
    dims: str | None
    seed: int | None
    grid: str | None
    epsilon: str | None
    shrinkage: float | None
    size: int | None
    resize: str | None
    crop: int | None
    precision: str | None

    def fit_options(self, **more: object) -> FitOptions:
        """Options of a fit.

        Args:
            more: further fields of `FitOptions`; None leaves the default.
        """
        from pipeline.fit import FitOptions
        from pipeline.model.settings import Precision

        if self.size is not None and self.resize is not None:
            raise ConfigError("--size and --resize both say how large the picture is; leave one out.")
        values: dict[str, object] = {"settings": self._settings(), "short_side": self.size, "crop": self.crop}
        values["resize"] = None if self.resize is None else _size(self.resize)
        values["precision"] = None if self.precision is None else Precision(self.precision)
        values |= more
        given = {name: value for name, value in values.items() if value is not None}
        return FitOptions(**given)  # type: ignore[arg-type]  # click has checked the types of what it hands over

    def _settings(self) -> Settings:
        from pipeline.model.settings import PAPER, Epsilon, Method, Settings

        base = PAPER if self.preset == "paper" else Settings()
        weights = self.weights or base.weights
        if weights not in ("imagenet", "random"):
            if not Path(weights).is_file():
                raise ConfigError(
                    f"--weights is {weights!r}, which is no file; give imagenet, random or a file of weights."
                )
            weights = str(Path(weights).absolute())  # the model is used from other folders too
        changes: dict[str, object] = {
            "method": None if self.method is None else Method(self.method),
            "backbone": self.backbone,
            "weights": weights,
            "taps": None if self.taps is None else tuple(tap.strip() for tap in self.taps.split(",")),
            "seed": self.seed,
            "grid": None if self.grid is None else int(self.grid),
            "shrinkage": self.shrinkage,
            "epsilon": None if self.epsilon is None else Epsilon.parse(self.epsilon),
        }
        settings = base.with_changes(**{name: value for name, value in changes.items() if value is not None})
        return settings if self.dims is None else settings.with_changes(dims=_dims(self.dims))


def _finite(_context: click.Context, _option: click.Parameter, a_day: float | None) -> float | None:
    # FloatRange lets both pass, and a day of footage may be scored before the threshold is due.
    if a_day is not None and not math.isfinite(a_day):
        raise ConfigError(f"{a_day:g} false alarms a day cannot be aimed at; ask for a number above 0.")
    return a_day


footage_argument = click.argument("footage", nargs=-1, required=True, metavar="FOOTAGE...")
alarms_option = click.option(
    "--false-alarms-per-day",
    type=click.FloatRange(min=0, min_open=True),
    callback=_finite,
    metavar="N",
    help="False events a day that the threshold aims at.  [default: 1]",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def check_model_output(output: Path) -> None:
    """Refuse a place for a model before the work is done.

    Raises:
        OutputError: it cannot be written.
        ConfigError: a file that is no model is there: footage, perhaps, that was named after -o by mistake.
    """
    check_writable(output)
    if output.suffix == ".stillwatch" or not output.exists():
        return
    from pipeline.model.model_file import read_header

    try:
        read_header(output)
    except ModelError as error:
        raise ConfigError(f"{output}: is there already and is no model; give another name.") from error


def window_options(command: Command) -> Command:
    """Give the command a `window: Window`."""
    rate = click.FloatRange(min=0, min_open=True)
    return _bundled("window", Window, command)(
        click.option("--fps", type=rate, metavar="N", help="Frames per second to take.  [default: 5, or the model's]"),
        click.option(
            "--input-fps",
            type=rate,
            metavar="N",
            help="Rate of folders of images, which have no clock.  [default: take all]",
        ),
        click.option(
            "--from",
            "from_s",
            type=click.FloatRange(min=0),
            default=0.0,
            metavar="SECONDS",
            help="Where to begin in each recording.",
        ),
        click.option("--until", "until_s", type=rate, metavar="SECONDS", help="Where to end in each recording."),
    )


def hardware_options(command: Command) -> Command:
    """Give the command a `hardware: HardwareChoices`."""
    engines = click.Choice(["auto", "openvino", "torch"])
    return _bundled("hardware", HardwareChoices, command)(
        click.option("--engine", type=engines, default="auto", show_default=True, help="What runs the backbone."),
        click.option(
            "--device", default="auto", show_default=True, metavar="auto|cpu|cuda|cuda:N", help="Where it runs."
        ),
        click.option("--threads", type=click.IntRange(min=1), metavar="N", help="Cores to use.  [default: all]"),
    )


def recipe_options(command: Command) -> Command:
    """Give the command a `recipe: Recipe`."""
    return _bundled("recipe", Recipe, command)(
        click.option(
            "--method",
            type=click.Choice(["padim", "stillwatch"]),
            help="padim: appearance alone; stillwatch: motion, too.  [default: stillwatch of footage, padim of images]",
        ),
        click.option(
            "--preset", type=click.Choice(["paper"]), help="As published: ResNet18, grid 4, epsilon abs:0.01."
        ),
        click.option(
            "--backbone", type=click.Choice(BACKBONES), help="Source of features.  [default: efficientnet_lite0]"
        ),
        click.option("--weights", metavar="imagenet|random|FILE", help="Weights of the backbone.  [default: imagenet]"),
        click.option(
            "--taps", metavar="NAME,NAME", help="Its layers to use ('stillwatch weights list').  [default: all]"
        ),
        click.option("--dims", metavar="N|all", help="Channels picked at random for each position.  [default: 100]"),
        click.option(
            "--seed",
            type=click.IntRange(0, 2**32 - 1),
            metavar="N",
            help="Picks channels, and random weights.  [default: 0]",
        ),
        click.option("--grid", type=click.Choice(["4", "8", "16"]), help="Pixels between positions.  [default: 8]"),
        click.option(
            "--epsilon", metavar="X|abs:X", help="Share of the feature variance, or absolute.  [default: 0.1]"
        ),
        click.option(
            "--shrinkage",
            type=click.FloatRange(0, 1),
            metavar="X",
            help="Share of the mean covariance.  [default: 0.7 of footage, 0.1 of images]",
        ),
        click.option(
            "--size",
            type=click.IntRange(32, 4096),
            metavar="PIXELS",
            help="Short side the model sees.  [default: 240]",
        ),
        click.option("--resize", metavar="HxW", help="Both sides it sees, instead; multiples of 16, before --crop."),
        click.option(
            "--crop", type=click.IntRange(min=16), metavar="PIXELS", help="Side of a square cut from the centre."
        ),
        click.option("--precision", type=click.Choice(PRECISIONS), help="Numbers to fit in.  [default: float32]"),
    )


def _bundled(name: str, kind: type, command: Command) -> Callable[..., Command]:
    """Gather the options of a group into one value of a dataclass, handed to the command as `name`."""

    @wraps(command)
    def gathered(**values: object) -> object:
        group = kind(**{field.name: values.pop(field.name) for field in fields(kind)})
        return command(**values, **{name: group})

    def decorated(*options: Decorator) -> Command:
        whole: Command = gathered
        for option in reversed(options):
            whole = option(whole)
        return whole

    return decorated


def _dims(text: str) -> int | None:
    if text == "all":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"--dims is {text!r}, expected a number from 1 up, or all.")
    return int(text)


def _size(text: str) -> Size:
    height, separator, width = text.lower().partition("x")
    if not (separator and height.isdecimal() and width.isdecimal()):
        raise ConfigError(f"--resize is {text!r}, expected height x width, such as 256x256.")
    return int(height), int(width)
