"""Tensors read from files, good and bad, and drawn at random."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import Tensor

from pipeline.errors import ModelError
from pipeline.model.state import Shapes, digest, random_state, read_state

SHAPES: Shapes = {
    "conv.weight": (4, 3, 2, 2),
    "norm.weight": (4,),
    "norm.running_var": (4,),
    "norm.bias": (4,),
}
REMEDY = "take another"

Save = Callable[[object, Path], None]


def test_a_file_gives_back_what_was_saved_whatever_its_kind(tmp_path: Path) -> None:
    state = random_state(SHAPES, seed=1)
    extra = {**state, "classifier.weight": torch.zeros(2)}
    torch.save(extra, tmp_path / "bare.pth")
    torch.save({"epoch": 3, "state_dict": extra}, tmp_path / "wrapped.pth")
    save_file(extra, tmp_path / "plain.safetensors")
    for name in ("bare.pth", "wrapped.pth", "plain.safetensors"):
        read = read_state(tmp_path / name, SHAPES, REMEDY)
        assert list(read) == list(SHAPES)
        assert digest(read) == digest(state)


def test_half_precision_is_read_as_float32(tmp_path: Path) -> None:
    state = random_state(SHAPES, seed=1)
    torch.save({name: tensor.half() for name, tensor in state.items()}, tmp_path / "half.pth")
    read = read_state(tmp_path / "half.pth", SHAPES, REMEDY)
    assert {tensor.dtype for tensor in read.values()} == {torch.float32}
    assert torch.equal(read["conv.weight"], state["conv.weight"].half().float())


def test_the_digest_knows_names_shapes_and_values_but_no_order() -> None:
    state = random_state(SHAPES, seed=1)
    assert digest(dict(reversed(state.items()))) == digest(state)
    for changed in (
        {"conv.weight": state["conv.weight"].flatten()},
        {"conv.weight": state["conv.weight"].nextafter(torch.tensor(1.0))},
        {"conv.scale": state["conv.weight"]},
    ):
        assert digest({**state, **changed}) != digest(state)


def test_random_weights_are_the_same_on_every_machine() -> None:
    expected = "c348e7e3ee8dc686ed57474bfc25ce902c19a74877478326781ce0796f142efe"
    assert digest(random_state(SHAPES, seed=0)) == expected


def test_random_weights_leave_the_global_generators_alone() -> None:
    torch_before, numpy_before = torch.get_rng_state(), pickle.dumps(np.random.get_state())
    random_state(SHAPES, seed=5)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert pickle.dumps(np.random.get_state()) == numpy_before


def test_random_filters_have_hes_scale_and_normalisations_change_nothing() -> None:
    state = random_state({"a.weight": (64, 32, 3, 3), "deep.weight": (64, 1, 3, 3), **SHAPES}, seed=2)
    assert state["a.weight"].std().item() == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    assert state["deep.weight"].std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.1)
    assert state["norm.weight"].tolist() == state["norm.running_var"].tolist() == [1] * 4
    assert state["norm.bias"].tolist() == [0] * 4


def altered(name: str, tensor: Tensor | None) -> dict[str, Tensor]:
    state = {**random_state(SHAPES, seed=1), name: tensor}
    return {key: value for key, value in state.items() if value is not None}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (altered("norm.bias", None), "has no tensor 'norm.bias', so it is of another backbone"),
        (
            altered("conv.weight", torch.zeros(4, 3, 1, 1)),
            "'conv.weight' has shape (4, 3, 1, 1), not (4, 3, 2, 2), so it is of another backbone",
        ),
        (
            altered("norm.weight", torch.tensor([1, 2, float("nan"), 4])),
            "'norm.weight' has values that are not finite",
        ),
        (
            altered("norm.weight", torch.tensor([1, 2, float("inf"), 4])),
            "'norm.weight' has values that are not finite",
        ),
        ([torch.zeros(3)], "holds a list, not a state dict"),
        ({"epoch": 3}, "has no tensor 'conv.weight', so it is of another backbone"),
    ],
)
def test_unfit_content_is_named(tmp_path: Path, content: object, found: str) -> None:
    torch.save(content, tmp_path / "unfit.pth")
    assert error_of(tmp_path / "unfit.pth") == f"{tmp_path}/unfit.pth: {found}; take another."


@pytest.mark.parametrize("name", ["notes.pth", "notes.safetensors"])
@pytest.mark.parametrize("content", [b"", b"just some text\n", b"\x80\x02not quite a pickle"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    found = error_of(tmp_path / name)
    assert found == f"{tmp_path}/{name}: is not a file of weights, or is damaged; take another."


@pytest.mark.parametrize("name", ["absent.pth", "absent.safetensors"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    expected = f"{tmp_path}/{name}: cannot be read, no such file or directory; take another."
    assert error_of(tmp_path / name) == expected


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    assert error_of(tmp_path) == f"{tmp_path}: cannot be read, is a directory; take another."


def test_a_pickle_that_runs_commands_is_not_obeyed(tmp_path: Path) -> None:
    class Command:
        def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
            return os.mkdir, (str(tmp_path / "obeyed"),)

    (tmp_path / "hostile.pth").write_bytes(pickle.dumps({"conv.weight": Command()}, protocol=2))
    assert error_of(tmp_path / "hostile.pth").endswith("is not a file of weights, or is damaged; take another.")
    torch.save({"conv.weight": Command()}, tmp_path / "hostile-too.pth")
    assert error_of(tmp_path / "hostile-too.pth").endswith("is not a file of weights, or is damaged; take another.")
    assert not (tmp_path / "obeyed").exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    path = saved(tmp_path, suffix)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert error_of(path) == f"{path}: is not a file of weights, or is damaged; take another."


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(data=st.data(), suffix=st.sampled_from([".pth", ".safetensors"]))
def test_damage_never_raises_anything_else(tmp_path: Path, data: st.DataObject, suffix: str) -> None:
    path = saved(tmp_path, suffix)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with suppress(ModelError):  # a flipped bit of a number may also go unseen
        read = read_state(path, SHAPES, REMEDY)
        assert {name: tuple(tensor.shape) for name, tensor in read.items()} == SHAPES


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(content=st.binary(max_size=64), suffix=st.sampled_from([".pth", ".safetensors"]))
@example(content=b"\x80\x02.", suffix=".pth")
def test_arbitrary_bytes_are_refused(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"arbitrary{suffix}"
    path.write_bytes(content)
    assert error_of(path).startswith(f"{path}: ")


def saved(folder: Path, suffix: str) -> Path:
    path = folder / f"weights{suffix}"
    state = random_state(SHAPES, seed=1)
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file(state, path)
    return path


def error_of(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_state(path, SHAPES, REMEDY)
    return str(caught.value)
