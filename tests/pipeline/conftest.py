"""What tests of several rooms need."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

NOBODY = 65534


@pytest.fixture
def ordinary_user(tmp_path: Path) -> AbstractContextManager[None]:
    """While entered, the process may do what the modes of files say, even where the tests run as root."""
    for above in tmp_path.parents:
        if above.stat().st_mode & 0o777 == 0o700:  # pytest's own folders
            above.chmod(0o711)
    tmp_path.chmod(0o755)
    return _ordinary_user()


@contextmanager
def _ordinary_user() -> Iterator[None]:
    if os.getuid() != 0:
        yield
        return
    gc.collect()  # what other tests left is not for this user to tidy up
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)
