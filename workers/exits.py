"""Exit codes by which workers tell their supervisor more than that they ended."""

from __future__ import annotations

__all__ = ["EXIT_HUNG"]

# A decoder whose source does not come back out of C code; it has said which on stdout. EX_TEMPFAIL of sysexits.h.
EXIT_HUNG = 75
