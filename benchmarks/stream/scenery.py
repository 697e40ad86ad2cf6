"""What cameras see and how their site looks: footage of any length or as a camera sends it, models, a site file."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import av
import yaml

from pipeline.fit import FitOptions, fit_footage
from pipeline.model.engine import choose_hardware
from pipeline.model.model_file import save_model
from pipeline.video.sources import find_sources
from workers.site.reading import read_site
from workers.site.values import Site

__all__ = ["WHOLE_S", "lengthened", "make_site", "sent_by_camera"]

# Longer than any footage: a model of all of it.
WHOLE_S = 1e6

KEY_FRAMES_S = 1


def lengthened(footage: Path, seconds: float, path: Path) -> Path:
    """The same H.264 recording again and again, without encoding it again, until it is so long."""
    with av.open(str(footage)) as source, av.open(str(path), "w") as result:
        stream = source.streams.video[0]
        copy = result.add_stream_from_template(stream)
        tick_s, length = float(stream.time_base or 1), int(stream.duration or 0)
        for turn in range(int(seconds / (length * tick_s)) + 1):
            source.seek(0)
            for packet in source.demux(stream):
                if packet.dts is None or packet.pts is None or packet.pts * tick_s + turn * length * tick_s > seconds:
                    continue
                packet.pts, packet.dts, packet.stream = packet.pts + turn * length, packet.dts + turn * length, copy
                result.mux(packet)
    return path


def sent_by_camera(footage: Path, path: Path, short_side: int | None = None) -> Path:
    """A recording as a camera sends it: without B-frames, a key frame every second, in another size if asked for."""
    with av.open(str(footage)) as source, av.open(str(path), "w") as result:
        stream = source.streams.video[0]
        rate = stream.average_rate or Fraction(10)
        width, height = stream.width, stream.height
        if short_side is not None:
            width, height = (round(side * short_side / min(stream.width, stream.height)) for side in (width, height))
        every = str(max(1, round(float(rate) * KEY_FRAMES_S)))
        made = result.add_stream("libx264", rate=rate, options={"preset": "veryfast", "bf": "0", "g": every})
        made.width, made.height, made.pix_fmt = width, height, "yuv420p"
        for number, frame in enumerate(source.decode(stream)):
            picture = frame.reformat(width, height, "yuv420p")
            picture.pts, picture.time_base = number, 1 / rate
            result.mux(made.encode(picture))
        result.mux(made.encode(None))
    return path


def make_site(
    folder: Path,
    footage: Path,
    fit_s: float,
    site: Mapping[str, object],
    cameras: Mapping[str, Mapping[str, object]],
) -> Site:
    """A site in a folder, with a model for each camera, all fitted on the beginning of the same footage.

    Args:
        fit_s: how much of the footage models are fitted on.
        site: further keys of the site file.
        cameras: keys of each.
    """
    model = fit_footage(find_sources([footage]), FitOptions(until_s=fit_s), choose_hardware(device="cpu")).model
    models = folder / "storage" / "models"
    models.mkdir(parents=True)
    first, *others = (models / f"{name}.stillwatch" for name in cameras)
    save_model(model, first)
    for other in others:
        shutil.copyfile(first, other)
    content = {
        "storage": "storage",
        "telemetry": False,
        **site,
        "cameras": {name: {**cameras[name]} for name in cameras},
    }
    path = folder / "site.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    return read_site(path)
