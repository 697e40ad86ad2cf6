"""An alerter is a light process: it never loads torch."""

from __future__ import annotations

import subprocess
import sys


def test_an_alerter_never_loads_torch() -> None:
    heavy = "[name for name in ('torch', 'openvino', 'numba') if name in sys.modules]"
    code = f"import sys, workers.alerter.worker; print({heavy})"
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
