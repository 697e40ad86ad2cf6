"""A street of our own, filmed by a fixed camera: people walk, and now and then something else happens, with labels.

Everything is drawn from a seed: nothing is downloaded, any moment can be asked for, and the same moment gives
the same pixels again.
"""

from pipeline.video.street.film import Street, StreetFrame
from pipeline.video.street.script import ANOMALY_KINDS, StreetAnomaly, anomaly_script

__all__ = ["ANOMALY_KINDS", "Street", "StreetAnomaly", "StreetFrame", "anomaly_script"]
