"""Opens sources and says what they send; in a process of its own, which whoever started it kills when it hangs.

`python -P -m workers.checking.probe SITE CAMERA...` opens them side by side and writes a line of JSON for each as soon
as it has answered.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import StillwatchError
from pipeline.types import Size

__all__ = ["Probed", "probe_sources"]

# A camera that takes longer to show its first picture is taken for one that does not answer.
DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class Probed:
    """What a source sends.

    Attributes:
        size: (H, W) of its pictures.
        rate: its own frames a second, where it says so.
        duration_s: of a recording.
        error: why it sends nothing; then the others are not known.
    """

    camera: str
    size: Size | None = None
    rate: float | None = None
    duration_s: float | None = None
    error: str = ""


def probe_sources(site: Path, cameras: Sequence[str], deadline_s: float = DEADLINE_S) -> dict[str, Probed]:
    """Ask sources what they send, all at once.

    Args:
        deadline_s: who has not answered by then does not answer.
    """
    answers, crashed = _asked(site, cameras, deadline_s)
    missing = [camera for camera in cameras if camera not in answers]
    if crashed and len(missing) > 1:
        # One of them took the others with it.
        for camera in missing:
            answers |= _asked(site, [camera], deadline_s)[0]
    for camera in missing:
        text = "reading it ends the process that tries" if crashed else f"it shows no picture within {deadline_s:.0f} s"
        answers.setdefault(camera, Probed(camera, error=f"{text}; look at it with a player, and check its address."))
    return answers


def _asked(site: Path, cameras: Sequence[str], deadline_s: float) -> tuple[dict[str, Probed], bool]:
    """What was answered in time, and whether the process crashed."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "workers.checking.probe", str(site), *cameras],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        said, _ = process.communicate(timeout=deadline_s)
        crashed = process.returncode != 0
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        crashed = False
    return {one.camera: one for one in _answers(said)}, crashed


def _answers(said: bytes) -> list[Probed]:
    found, answer = [], TypeAdapter(Probed)
    for line in said.splitlines():
        try:
            found.append(answer.validate_json(line))
        except ValidationError:
            continue  # cut off
    return found


def main() -> int:
    """Open the sources that the command line names."""
    from workers.site.reading import read_site

    site = read_site(Path(sys.argv[1]))
    threads = [threading.Thread(target=_probe, args=(site.cameras[name],), daemon=True) for name in sys.argv[2:]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.flush()
    os._exit(0)  # libraries may still be waiting for a camera


def _probe(camera: object) -> None:
    from pipeline.video.recording import open_recording
    from workers.decoder.names import look_up
    from workers.site.cameras import Camera

    assert isinstance(camera, Camera)
    try:
        source = camera.opened_as()
        look_up(source)  # FFmpeg calls a wrong name an input/output error
        with open_recording(source) as recording:
            probed = Probed(camera.name, recording.size, recording.rate, recording.duration_s)
    except StillwatchError as error:
        probed = Probed(camera.name, error=str(error))
    # One write, so that the lines of two threads do not mix.
    sys.stdout.write(json.dumps(asdict(probed)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
