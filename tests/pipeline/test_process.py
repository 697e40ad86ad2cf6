"""What a process sets for itself and its children, seen from a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from pipeline.process import available_cores

SETTINGS = {
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "134217728",
    "OMP_WAIT_POLICY": "PASSIVE",
}
CHILD = """
import json, os, resource, subprocess, sys
from pipeline import process
if "prepare" in sys.argv:
    process.prepare_process()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        frames = [b"x" * (16 << 20) for _ in range(4)]
        del frames
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
grandchild = "import json, os; print(json.dumps(dict(os.environ)))"
print(json.dumps({
    "environment": json.loads(subprocess.check_output([sys.executable, "-c", grandchild])),
    "loaded": [name for name in ("torch", "cv2", "av") if name in sys.modules],
    "faults": faults(),
}))
"""


def child(*arguments: str, **environment: str) -> dict[str, Any]:
    """What a fresh process says of itself."""
    bare = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments], env={**bare, **environment}, capture_output=True, check=True
    )
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_a_prepared_process_hands_the_settings_to_its_children_and_loads_nothing() -> None:
    said = child("prepare")
    assert {name: said["environment"].get(name) for name in SETTINGS} == SETTINGS
    assert said["loaded"] == []


def test_what_the_user_set_stays() -> None:
    said = child("prepare", OMP_WAIT_POLICY="ACTIVE", MALLOC_TRIM_THRESHOLD_="1000000")
    assert said["environment"]["OMP_WAIT_POLICY"] == "ACTIVE"
    assert said["environment"]["MALLOC_TRIM_THRESHOLD_"] == "1000000"
    assert said["environment"]["MALLOC_MMAP_THRESHOLD_"] == "33554432"


def test_a_prepared_process_keeps_the_pages_of_its_arrays() -> None:
    # 20 times four arrays of 16 MB: the kernel is asked for their pages once, otherwise again and again.
    assert 5 * child("prepare")["faults"] < child()["faults"]


def test_importing_the_module_changes_nothing() -> None:
    said = child()
    assert not set(SETTINGS) & set(said["environment"])


def test_cores_are_those_this_process_may_use() -> None:
    code = (
        "import os; from pipeline.process import available_cores\n"
        "cores = os.sched_getaffinity(0)\n"
        "assert available_cores() == len(cores)\n"
        "os.sched_setaffinity(0, {min(cores)})\n"
        "assert available_cores() == 1\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert available_cores() >= 1


PINNED = """
import psutil
from pipeline.process import prepare_process, return_memory
prepare_process()
resident = psutil.Process().memory_info
frames = [b"x" * (1 << 20) for _ in range(256)]
del frames[:-1]  # the last one lies above them all
before = resident().rss
return_memory()
print((before - resident().rss) >> 20)
"""


def test_memory_that_is_free_between_what_is_not_can_be_returned() -> None:
    done = subprocess.run([sys.executable, "-c", PINNED], capture_output=True, check=True, text=True)
    assert int(done.stdout) > 200
