"""What the stream holds, on this machine.

    python -m benchmarks.stream load FOOTAGE --cameras 16 --seconds 60 [--scorers 2] [--device cuda] [--no-previews]
    python -m benchmarks.stream transport FOOTAGE --cameras 16 --seconds 60
    python -m benchmarks.stream equality FOOTAGE [--seconds 600]
    python -m benchmarks.stream scorer-deaths | alerter-deaths FOOTAGE [--seconds 600]
    python -m benchmarks.stream broker | cameras | reconnects FOOTAGE
    python -m benchmarks.stream eight FOOTAGE [--seconds 60]

`load` runs so many `realtime` cameras, each of them FOOTAGE in a loop, through decoders, scorers and an alerter, and
counts what became of every frame. `transport` does the same without the work of decoding, resizing, previews and
model: what is left is what the stream itself costs, and beside it the same bytes with nothing but redis-py. `equality`
sends a `fast` recording through them and compares with `replay`. `scorer-deaths` kills scorers ten times and counts;
`alerter-deaths` kills an alerter twenty times and compares its events with `replay`. `broker` kills, freezes and fills
the broker, and times how long every camera takes to be scored again. `cameras` does the same to a real camera, and
counts the alerts that come of it. `eight` lets one decoder read eight cameras, three of them not well, under
`stillwatch run`, and counts what the others lose. `reconnects` lets cameras hang up five hundred times, and looks at
memory and open files of their decoder.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.stream.bare import bare
from benchmarks.stream.cameras import camera_outages
from benchmarks.stream.deaths import alerter_deaths, scorer_deaths
from benchmarks.stream.eight import eight
from benchmarks.stream.equality import equality
from benchmarks.stream.load import Figures, load
from benchmarks.stream.outages import broker_outages
from benchmarks.stream.reconnects import reconnects
from pipeline.process import prepare_process

OTHERS: dict[str, Callable[[Path, float], dict[str, float]]] = {
    "equality": equality,
    "scorer-deaths": scorer_deaths,
    "alerter-deaths": alerter_deaths,
    "broker": lambda footage, _: broker_outages(footage),
    "cameras": lambda footage, _: camera_outages(footage),
    "eight": eight,
    "reconnects": lambda footage, _: reconnects(footage),
}


def main() -> None:
    """Print a figure a line, or JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["load", "transport", *OTHERS])
    parser.add_argument("footage", type=Path)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--scorers", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--no-previews", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    prepare_process()
    if arguments.what in OTHERS:
        figures: Figures = dict(OTHERS[arguments.what](arguments.footage, arguments.seconds))
    else:
        figures = load(
            arguments.footage,
            arguments.cameras,
            arguments.seconds,
            scorers=arguments.scorers,
            site={"scorer": {"device": arguments.device}},
            camera={"previews": not arguments.no_previews},
            program="workers" if arguments.what == "load" else "benchmarks.stream.hollow",
        )
        if arguments.what == "transport":
            figures["bare_ms_per_frame"] = bare(arguments.seconds)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        shown = value if isinstance(value, dict) else {"": value}
        print(f"{name:<22}" + "  ".join(f"{key} {number:.4g}".strip() for key, number in shown.items()))


if __name__ == "__main__":
    main()
