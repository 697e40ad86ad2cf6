"""What a fit says it needs, against what it makes, and what is refused."""

from __future__ import annotations

import re
import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.model.embedding import EmbeddingNetwork
from pipeline.model.engine import Engine
from pipeline.model.fitting import Fitter
from pipeline.model.gaussians import Moments, unpack_triangle
from pipeline.model.memory import held_frames, needed_bytes
from pipeline.types import Geometry
from tests.pipeline.model.conftest import SMALL


@given(st.integers(1, 10**6), st.integers(1, 500))
def test_64_to_512_frames_are_held_and_no_more_than_fit_into_256_mib(positions: int, dims: int) -> None:
    frames, bytes_each = held_frames(positions, dims), positions * dims * 4
    assert 64 <= frames <= 512
    assert frames == 64 or frames * bytes_each <= 1 << 28
    assert frames == 512 or (frames + 1) * bytes_each > 1 << 28


def test_a_fit_needs_the_bytes_it_says() -> None:
    moments = Moments.empty(48, 12)
    moments.add(torch.rand(20, 48, 12))
    made = moments.gaussians(0.1)
    whole = unpack_triangle(made.whitening, 12)  # as the torch engine holds it, of the last block and of this one
    held = torch.empty(512, 48, 12)
    # A part of the held frames has moments of its own while it is taken out.
    tensors = 2 * [moments.mean, moments.scatter] + 2 * [made.mean, made.whitening, whole] + [held]
    assert needed_bytes(48, 12) == sum(tensor.nbytes for tensor in tensors)


def test_a_fit_beyond_all_memory_is_refused_before_any_is_taken(network: EmbeddingNetwork, engine: Engine) -> None:
    side = 1 << 18
    positions = (side // 8) ** 2
    begin = time.monotonic()
    with pytest.raises(ModelError) as caught:
        Fitter(network, engine, SMALL, Geometry((side, side)), (side, side))
    assert time.monotonic() - begin < 1
    needed = f"{needed_bytes(positions, 12) / 1e9:.1f}"
    assert re.fullmatch(
        rf"a fit of {positions} positions with 12 numbers each needs {needed} GB of memory, \d+\.\d GB are free; "
        r"choose fewer --dims, --grid 8 or a smaller --size\.",
        str(caught.value),
    )
