"""Checks of cameras: what their sources send, and whether their models and masks are made for that."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping

from pipeline.errors import ConfigError, ModelError
from pipeline.model.card import ModelCard, read_card
from pipeline.model.masks import read_mask
from pipeline.types import Geometry, Size, display_size, model_size, same_view
from workers.checking.finding import Finding, failed, fine, warned
from workers.checking.probe import Probed, probe_sources
from workers.site.cameras import Camera, Pace
from workers.site.values import Site

__all__ = ["check_cameras", "fit_command", "shown_sizes"]

Looked = Mapping[str, Probed]


def check_cameras(site: Site) -> tuple[list[Finding], Looked, dict[str, ModelCard]]:
    """Findings, what the sources send, and the models that are there."""
    looked = probe_sources(site.path, list(site.cameras))
    findings: list[Finding] = []
    cards: dict[str, ModelCard] = {}
    for name, camera in site.cameras.items():
        findings += _source(camera, looked[name])
        try:
            cards[name] = read_card(site.model_of(camera))
        except ModelError as error:
            findings.append(_without_model(site, camera, error))
        else:
            findings += _model(site, camera, cards[name], looked[name].size)
        findings += _mask(camera, cards.get(name), looked[name].size)
    return findings, looked, cards


def shown_sizes(site: Site, looked: Looked, cards: Mapping[str, ModelCard]) -> dict[str, tuple[Size, Size]]:
    """Of each camera that has answered: the picture that its model sees, and that of a preview."""
    found = {}
    for name, camera in site.cameras.items():
        source = looked[name].size
        if source is not None:
            model = cards[name].geometry.size if name in cards else model_size(source, camera.size)
            found[name] = (model, display_size(source, camera.preview_size))
    return found


def fit_command(site: Site, camera: Camera) -> str:
    """The command that makes a camera's model; a recording has an end of its own."""
    length = " --for 24h" if camera.paced is Pace.LIVE else ""
    return f"stillwatch fit -c {shlex.quote(os.path.relpath(site.path))} --camera {camera.name}{length}"


def _source(camera: Camera, probed: Probed) -> Iterator[Finding]:
    what = f"{camera.name} source"
    if probed.size is None:
        yield failed(what, _at(camera, probed.error))
        return
    height, width = probed.size
    rate = "" if probed.rate is None else f", {probed.rate:.4g} frames/s"
    if probed.rate is not None and probed.rate < 0.9 * camera.fps:
        yield warned(what, f"{width}x{height}{rate}, fewer than the {camera.fps:g} that are looked at; lower its fps.")
    else:
        yield fine(what, f"{width}x{height}{rate}")


def _at(camera: Camera, error: str) -> str:
    return error if error.startswith(camera.where) else f"{camera.where}: {error}"


def _without_model(site: Site, camera: Camera, error: ModelError) -> Finding:
    path = site.model_of(camera)
    if os.path.lexists(path):
        return failed(f"{camera.name} model", str(error))
    return failed(f"{camera.name} model", f"there is none at {path}; learn one: {fit_command(site, camera)}")


def _model(site: Site, camera: Camera, card: ModelCard, source: Size | None) -> Iterator[Finding]:
    what, anew = f"{camera.name} model", fit_command(site, camera)
    if source is not None and not same_view(source, card.source_size):
        seen, sent = (f"{width}x{height}" for height, width in (card.source_size, source))
        yield failed(what, f"was fitted on pictures of {seen}, the source sends {sent}; fit it anew: {anew}")
        return
    wrong = []
    if card.fps is None or abs(card.fps - camera.fps) > 0.01 * camera.fps:
        was = "pictures without a clock" if card.fps is None else f"{card.fps:g} frames/s"
        wrong.append(warned(what, f"was fitted at {was}, fps is {camera.fps:g}; set fps so, or fit it anew: {anew}"))
    if card.provisional:
        text = f"its threshold is a guess; set it: stillwatch calibrate FOOTAGE -m {site.model_of(camera)}"
        wrong.append(warned(what, text))
    yield from wrong or [fine(what, f"{card.digest}, {card.bytes / 1e6:.1f} MB")]


def _mask(camera: Camera, card: ModelCard | None, source: Size | None) -> Iterator[Finding]:
    if camera.mask is None:
        return
    if source is None:
        if not os.path.isfile(camera.mask):
            yield failed(f"{camera.name} mask", f"{camera.mask}: no such mask; correct its name.")
        return
    try:
        mask = read_mask(
            camera.mask, card.geometry if card else Geometry(model_size(source, camera.size), None), source
        )
    except ConfigError as error:
        yield failed(f"{camera.name} mask", str(error))
    else:
        yield fine(f"{camera.name} mask", f"{mask.mean():.0%} of the picture")
