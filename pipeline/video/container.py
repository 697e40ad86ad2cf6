"""What a container states about its video: rate, length, end. Statements, not measurements: they may be wrong.

Times are seconds; `first_s` is the stamp of the first frame, from which people count.
"""

from __future__ import annotations

import re
from bisect import bisect_left

import av
from av.container import InputContainer
from av.video.stream import VideoStream

__all__ = ["first_missing_s", "stated_duration_s", "stated_end_s", "stated_rate"]

# Above this, FFmpeg's guess is the resolution of the stamps, not a rate.
HIGHEST_RATE = 240.0


def stated_rate(container: InputContainer, stream: VideoStream) -> float | None:
    """Frames per second, on average where the rate varies; None where nothing tells."""
    rates = [stream.average_rate, stream.guessed_rate]
    # Without a length, the average is an assumption of FFmpeg's, and the codec may know better.
    if container.duration is None:
        rates.reverse()
    return next((float(rate) for rate in rates if rate and rate <= HIGHEST_RATE), None)


def stated_duration_s(container: InputContainer, stream: VideoStream) -> float | None:
    """Length in seconds; where only the length of all streams together is stated, that."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return None if container.duration is None else container.duration / av.time_base


def stated_end_s(container: InputContainer, stream: VideoStream, first_s: float) -> float | None:
    """Where the video ends, in seconds after its first frame, if the header tells that of the video itself.

    A recording that ends earlier is cut off. The durations of mp4 do not tell that, since edit lists show less than
    they count, but see `first_missing_s`; MPEG streams state no end at all.
    """
    form = container.format.name
    if form == "avi" and stream.frames and stream.average_rate:
        return float(stream.frames / stream.average_rate)
    tag = re.fullmatch(r"(\d+):(\d+):([\d.]+)", stream.metadata.get("DURATION", ""))
    if tag:
        end_s = int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])
    elif form.startswith(("matroska", "flv")) and len(container.streams) == 1 and container.duration:
        end_s = container.duration / av.time_base
    else:
        return None
    return end_s - first_s


def first_missing_s(container: InputContainer, stream: VideoStream, first_s: float) -> float | None:
    """Where the first frame is missing whose bytes an index (mp4) lists but the file lacks; None where all are there.

    In seconds after the first frame; every frame shown before this time can be read.
    """
    entries, size = stream.index_entries, container.size
    if not container.format.name.startswith("mov") or size <= 0 or not len(entries) or not stream.time_base:
        return None

    def missing(place: int) -> bool:
        return entries[place].pos + entries[place].size > size

    places = range(len(entries))
    if not missing(places[-1]):
        return None
    first = bisect_left(places, True, key=missing)
    return max(0.0, float(entries[first].timestamp * stream.time_base) - first_s)
