"""stillwatch learns what a fixed camera normally sees and shows when, where and how strongly something else happens.

    >>> import stillwatch
    >>> model = stillwatch.fit("gate.mp4")                                    # doctest: +SKIP
    >>> summary = stillwatch.replay("today.mp4", model, "out")                # doctest: +SKIP

`fit` learns from footage, `load` reads a model from its file, `replay` scores recordings, `subscribe` gives the alerts
of a site that runs: see each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stillwatch.api import fit, load, replay
    from stillwatch.live import subscribe

__all__ = ["fit", "load", "replay", "subscribe"]


def __getattr__(name: str) -> object:
    # Importing the package loads no torch: `stillwatch --help` answers at once.
    if name == "subscribe":
        from stillwatch import live

        return live.subscribe
    if name in __all__:
        from stillwatch import api

        return getattr(api, name)
    raise AttributeError(f"module 'stillwatch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *__all__]
