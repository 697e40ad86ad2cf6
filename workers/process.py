"""What every worker's process does first, and how it learns that it is to end.

    begin("decoder-1")
    with stopping() as stop:
        while not stop.is_set(): ...

Signals are taken by a thread of their own, through the file descriptor that Python writes their numbers to: so they
count at once although the main thread waits in C code, and no lock that the main thread holds is asked for.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.process import prepare_process

__all__ = ["PARENT_VARIABLE", "begin", "child_environment", "stopping"]

# Whoever starts a worker that must not outlive it puts its own process id here. A worker started by hand, by a shell or
# by a container has none, and goes on when its terminal is closed.
PARENT_VARIABLE = "STILLWATCH_PARENT"
OPENCV_VARIABLE = "OPENCV_FOR_THREADS_NUM"  # read by OpenCV when it is loaded, so that it need not be loaded here
PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15  # prctl.h
LOOK_S = 1.0
# For what must still be finished and acknowledged; then nobody is left who would end a process that hangs.
ORPHAN_GRACE_S = 15.0
STATUS_OF_SIGNAL = 128  # plus its number, as shells have it


def child_environment() -> dict[str, str]:
    """What a child must find in its environment so that it ends with this process.

    On Linux it also ends with the *thread* that starts it: start children from the main thread.
    """
    return {PARENT_VARIABLE: str(os.getpid())}


def begin(name: str) -> None:
    """Prepare this process: memory and threads, an end with its parent, stacks on SIGUSR1 and after a crash.

    To be called once, in the main thread, before torch is loaded and before anything else is begun.

    Args:
        name: the worker's, as `top` is to show it (15 letters of it).
    """
    prepare_process()
    _keep_opencv_to_one_thread()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode())
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)
    parent = os.environ.pop(PARENT_VARIABLE, None)
    if parent is not None:
        _end_with(int(parent))


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """Give an event that the first SIGTERM or SIGINT sets; a second one ends the process at once (128 + its number).

    To be used in the main thread. What was done about both signals before is done again after the `with` block.
    """
    stop = threading.Event()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)  # as `set_wakeup_fd` demands
    before = {number: signal.signal(number, _leave_to_thread) for number in (signal.SIGTERM, signal.SIGINT)}
    before_fd = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    listener = threading.Thread(target=_listen, args=(reader, stop), name="signals", daemon=True)
    listener.start()
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before_fd)
        os.close(writer)
        listener.join()
        os.close(reader)


def _keep_opencv_to_one_thread() -> None:
    """A second thread gains nothing on our sizes of pictures, and takes a core from the model."""
    os.environ[OPENCV_VARIABLE] = "1"
    loaded = sys.modules.get("cv2")
    if loaded is not None:
        loaded.setNumThreads(1)


def _leave_to_thread(number: int, frame: object) -> None:
    """Only a signal with a handler in Python is written to the file descriptor."""


def _listen(reader: int, stop: threading.Event) -> None:
    while number := os.read(reader, 1):
        if number[0] not in (signal.SIGTERM, signal.SIGINT):
            continue
        if stop.is_set():
            os._exit(STATUS_OF_SIGNAL + number[0])
        stop.set()


def _end_with(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before the line above: nobody would tell
        os._exit(STATUS_OF_SIGNAL + signal.SIGTERM)
    threading.Thread(target=_look_after, args=(parent,), name="parent", daemon=True).start()


def _look_after(parent: int) -> None:
    """End without the parent where the system tells nothing of its death, and where the end does not come about."""
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    if sys.platform != "linux":
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ORPHAN_GRACE_S)
    os._exit(STATUS_OF_SIGNAL + signal.SIGTERM)
