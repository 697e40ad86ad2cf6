"""All checks of a site, in the order in which a person reads them."""

from __future__ import annotations

from pathlib import Path

from workers.checking.bus import check_broker, check_workers
from workers.checking.cameras import check_cameras, fit_command, shown_sizes
from workers.checking.finding import Finding, Level, warned
from workers.checking.machine import check_disk, check_port
from workers.site.reading import examine_site

__all__ = ["Checked", "check_site"]


class Checked:
    """What was found, and the commands to run next."""

    def __init__(self, findings: list[Finding], next_commands: list[str]) -> None:
        self.findings, self.next_commands = findings, next_commands

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not any(finding.level is Level.FAIL for finding in self.findings)


def check_site(path: Path, shown: str) -> Checked:
    """Check everything.

    Args:
        shown: the file's name as commands are to have it.
    Raises:
        ConfigError: the site file is wrong.
    """
    reading = examine_site(path)
    site = reading.site
    findings = [warned("site file", warning) for warning in reading.warnings]
    of_cameras, looked, cards = check_cameras(site)
    findings += [*of_cameras, *check_disk(site), *check_broker(site, shown_sizes(site, looked, cards))]
    findings += [*check_workers(site, cards), *check_port(site)]
    to_fit = [fit_command(site, camera) for name, camera in site.cameras.items() if name not in cards]
    failed = any(finding.level is Level.FAIL for finding in findings)
    return Checked(findings, to_fit or [f"stillwatch {'check' if failed else 'run'} -c {shown}"])
