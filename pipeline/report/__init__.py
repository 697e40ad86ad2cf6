"""The report of a replay: one page that opens without a network and can be shown to others."""

from pipeline.report.page import write_report
from pipeline.report.values import Clip, Curve, Facts, Report, Shown

__all__ = ["Clip", "Curve", "Facts", "Report", "Shown", "write_report"]
