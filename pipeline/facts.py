"""What a model was made of, in the words in which commands and reports say it."""

from __future__ import annotations

from pipeline.model.padim import Model
from pipeline.report.values import Facts
from pipeline.report.words import clock, counted

__all__ = ["model_facts"]


def model_facts(name: str, model: Model) -> Facts:
    """Rows about a model.

    Args:
        name: of the model, for the title.
    """
    settings, (height, width), (rows, columns) = model.settings, model.geometry.size, model.grid
    seen = counted(model.frames, "frame")
    if model.fps is not None:
        seen += f", {clock(model.footage_s)} at {model.fps:g} frames/s"
    crop = f", {height} x {width} cut from it" if model.geometry.crop else ""
    resized = model.geometry.resize
    return Facts(
        f"Model {name}",
        [
            ("Fitted on", f"{seen}, of {model.source_size[1]} x {model.source_size[0]} pixels"),
            ("Backbone", f"{settings.backbone}, weights {settings.weights}, taps {', '.join(settings.taps or ())}"),
            ("Sees", f"pictures of {resized[1]} x {resized[0]}{crop}, {columns} x {rows} positions"),
            ("Embedding", f"{len(model.channels)} numbers a position, channels picked with seed {settings.seed}"),
            ("Covariance", f"shrinkage {settings.shrinkage:g}, epsilon {settings.epsilon}"),
            ("Smoothing", f"{settings.upsampling}, sigma {settings.sigma:g} px"),
            ("Threshold", f"{model.threshold.value:.4g}, {model.threshold.lingering:.2f} of it for what lingers"),
            ("Promise", model.threshold.promise),
            ("Mask", "none" if model.mask is None else f"{model.mask.mean():.0%} of the picture"),
            ("Precision", ", ".join(model.precisions)),
        ],
    )
