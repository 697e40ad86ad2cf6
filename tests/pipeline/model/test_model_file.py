"""Model files: what is written comes back, and nothing else gets in."""

from __future__ import annotations

import json
import pickle
import resource
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from pipeline.errors import ModelError, OutputError
from pipeline.model.blocks import Block, Peaks
from pipeline.model.card import read_card
from pipeline.model.gaussians import Moments
from pipeline.model.model_file import FORMAT_VERSION, load_model, read_header, save_model
from pipeline.model.moving import Moving
from pipeline.model.padim import Model
from pipeline.model.settings import Epsilon, Method, Precision, Settings
from pipeline.model.threshold import Threshold
from pipeline.types import PLANES, Geometry

NOT_OURS = "is not a stillwatch model; make one with 'stillwatch fit FOOTAGE -o MODEL'."
CUT_OFF = "is not a stillwatch model, or is cut off; copy it again or make one with 'stillwatch fit'."
RESTORE = "fit it again or restore a copy."


def a_model(seed: int = 0, *, masked: bool = True, resumable: bool = True, dims: int = 3) -> Model:
    """Of 6 positions, with values of every field that are not its default."""
    moments = Moments.empty(6, dims)
    moments.add(torch.randn(20, 6, dims, generator=torch.Generator().manual_seed(seed)))
    mask = np.zeros((32, 48), bool)
    mask[:20, 7:] = True
    return Model(
        settings=Settings(
            Method.PADIM, "resnet18", "random", ("layer1",), dims, 7, 16, Epsilon(0.25, "absolute"), 0.7, 2.5
        ),
        geometry=Geometry((32, 48)),
        source_size=(240, 357),
        weights_digest="ab" * 32,
        channels=tuple(range(4, 4 + dims)),
        gaussians=moments.gaussians(0.25),
        epsilon=0.25,
        threshold=Threshold(17.125, 12, 2.2, 0.625, 0.5, 1.25, (0.125, 9.5), provisional=True),
        blocks=(Block(8, 4, 0.6, (9.5, 3.25), (4.0,)), Block(12, 8, 1.4, (17.125, 8.0, 0.1), (5.5, 0.1))),
        precision=Precision.FLOAT32,
        precisions=(Precision.FLOAT32, Precision.BFLOAT16),
        frames=20,
        footage_s=4.1,
        fps=5.0,
        mask=mask if masked else None,
        merged=True,
        moments=moments if resumable else None,
    )


def with_motion(model: Model, *, seed: int = 0, movers: bool = True) -> Model:
    """The same with what it learned of what moves; of too little to know how movers look where so asked."""
    source = np.random.RandomState(seed)
    moving, frames = Moving.empty(model.geometry.size, model.grid, len(model.channels)), 80
    cells = moving.motion.weight.shape
    planes = source.randint(0, 256, (frames, PLANES, *cells)).astype(np.uint8)
    planes[:, 3] = 255 if movers else 20
    noise = source.normal(0, 1, (frames, *model.gaussians.mean.shape)).astype(np.float32)
    moving.add(torch.from_numpy(noise), planes, 0.2)
    known, motion = moving.learned(model.settings.grid)
    assert (known is not None) == movers
    peaks = (Peaks((4.5, 2.25), 1.5), Peaks((7.5,), 2.5))
    return replace(
        model,
        settings=model.settings.with_changes(method=Method.STILLWATCH),
        threshold=replace(model.threshold, motion=(4.25, 7.5), powers=(0.5, 0.75)),
        blocks=tuple(replace(block, motion=peaks, usual=5.5) for block in model.blocks),
        movers=known,
        motion=motion,
        moving=None if model.moments is None else moving,
    )


def tensors_of(kept: object) -> dict[str, NDArray[np.generic]]:
    """Arrays of what is kept of motion or movers, by name."""
    arrays: dict[str, NDArray[np.generic]] = {}
    for field in fields(kept) if is_dataclass(kept) and not isinstance(kept, type) else ():
        value = getattr(kept, field.name)
        if isinstance(value, Tensor | np.ndarray):
            arrays[field.name] = np.asarray(value)
        else:
            arrays |= {f"{field.name}.{name}": array for name, array in tensors_of(value).items()}
    return arrays


def same(found: Model, expected: Model) -> None:
    """Every field equal, tensors to the last bit."""
    plain = {"gaussians", "mask", "moments", "movers", "motion", "moving"}
    for name in ("movers", "motion", "moving"):
        ours, theirs = tensors_of(getattr(found, name)), tensors_of(getattr(expected, name))
        assert list(ours) == list(theirs), name
        for part, array in ours.items():
            assert array.dtype == theirs[part].dtype, (name, part)
            assert np.array_equal(array, theirs[part]), (name, part)
    for name in Model.__slots__:
        if name not in plain:
            assert getattr(found, name) == getattr(expected, name), name
    assert torch.equal(found.gaussians.mean, expected.gaussians.mean)
    assert torch.equal(found.gaussians.whitening, expected.gaussians.whitening)
    assert (found.mask is None) == (expected.mask is None)
    if found.mask is not None and expected.mask is not None:
        assert found.mask.dtype == np.bool_
        assert np.array_equal(found.mask, expected.mask)
    assert (found.moments is None) == (expected.moments is None)
    if found.moments is not None and expected.moments is not None:
        assert found.moments.count == expected.moments.count
        assert torch.equal(found.moments.mean, expected.moments.mean)
        # Only the lower triangle is kept; the two differ by rounding.
        assert torch.equal(found.moments.scatter.tril(), expected.moments.scatter.tril())
        assert torch.equal(found.moments.scatter, found.moments.scatter.transpose(1, 2))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "gate.stillwatch"
    save_model(a_model(), path)
    return path


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Models of every shape a file may have."""
    grid, dims = draw(st.sampled_from([4, 8, 16])), draw(st.integers(1, 5))
    side = st.integers(1, 3).map(lambda cells: cells * 16)
    geometry = Geometry((draw(side), draw(side)), draw(st.none() | st.just(16)))
    height, width = geometry.size
    moments = Moments.empty((height // grid) * (width // grid), dims)
    frames = draw(st.integers(2, 6))
    noise = np.random.RandomState(draw(st.integers(0, 99))).normal(0, 3, (frames, *moments.mean.shape))
    moments.add(torch.from_numpy(noise.astype(np.float32)))
    numbers = st.floats(1e-6, 1e6)
    seconds, tails = st.floats(0, 1e7), st.lists(numbers, max_size=4).map(tuple)
    blocks = draw(st.lists(st.builds(Block, st.integers(8), st.integers(1), seconds, tails, tails), max_size=3))
    rates = st.none() | numbers
    return replace(
        a_model(),
        settings=Settings(grid=grid, dims=dims, epsilon=Epsilon(draw(numbers)), shrinkage=draw(st.floats(0, 1))),
        geometry=geometry,
        channels=tuple(range(dims)),
        gaussians=moments.gaussians(0.1),
        epsilon=draw(numbers),
        threshold=Threshold(
            draw(numbers),
            draw(st.integers(1)),
            draw(seconds),
            draw(st.floats(0, 1)),
            draw(rates),
            draw(rates),
            draw(st.none() | st.tuples(numbers, numbers)),
            draw(st.booleans()),
        ),
        blocks=tuple(blocks),
        frames=frames,
        footage_s=draw(st.floats(0, 1e7)),
        fps=draw(st.none() | numbers),
        mask=draw(st.none() | st.just(np.arange(height * width).reshape(height, width) % 5 == 0)),
        merged=draw(st.booleans()),
        moments=draw(st.none() | st.just(moments)),
    )


@settings(max_examples=40, deadline=None)
@given(models())
def test_what_is_saved_comes_back_to_the_last_bit(model: Model) -> None:
    with tempfile.TemporaryDirectory() as folder:
        save_model(model, Path(folder, "a.stillwatch"))
        same(load_model(Path(folder, "a.stillwatch")), model)
        assert [file.name for file in Path(folder).iterdir()] == ["a.stillwatch"]


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("movers", [True, False])
@pytest.mark.parametrize("resumable", [True, False])
def test_what_is_known_of_motion_comes_back_to_the_last_bit(
    tmp_path: Path, masked: bool, movers: bool, resumable: bool
) -> None:
    model, path = with_motion(a_model(masked=masked, resumable=resumable), movers=movers), tmp_path / "a.stillwatch"
    save_model(model, path)
    loaded = load_model(path)
    same(loaded, model)
    assert (loaded.has_motion, loaded.moving is not None) == (True, resumable)
    assert read_header(path).motion
    assert read_card(path).has_motion


def test_loaded_moments_of_motion_give_what_was_saved(tmp_path: Path) -> None:
    model, path = with_motion(a_model()), tmp_path / "a.stillwatch"
    save_model(model, path)
    moving = load_model(path).moving
    assert moving is not None
    movers, motion = moving.learned(16)
    for found, expected in ((movers, model.movers), (motion, model.motion)):
        for name, array in tensors_of(expected).items():
            assert np.array_equal(tensors_of(found)[name], array), name


@pytest.mark.parametrize("lingering", [[3.0], [], "damaged"])
def test_a_file_that_says_how_motion_lingers_is_read_as_if_it_did_not(tmp_path: Path, lingering: object) -> None:
    # As files of this format did at first; nothing looks at it.
    model, path = with_motion(a_model()), tmp_path / "a.stillwatch"
    save_model(model, path)

    def as_it_was(header: dict[str, Any]) -> None:
        for block in header["blocks"]:
            assert [sorted(kind) for kind in block["motion"]] == [["tail", "usual"]] * 2
            for kind in block["motion"]:
                kind["lingering"] = lingering

    edit_header(path, as_it_was)
    same(load_model(path), model)
    assert read_card(path).has_motion


MOVING = [
    *("motion_mean", "motion_whitening", "movers_mean", "movers_whitening", "movers_factors"),
    *("moved_weight", "moved_first", "moved_second"),
    *("moving_count", "moving_first", "moving_second", "moving_present_s", "moving_seconds"),
]


@pytest.mark.parametrize("name", MOVING)
def test_a_model_that_lacks_a_part_of_motion_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.stillwatch"
    save_model(with_motion(a_model()), path)
    tensors, metadata = parts_of(path)
    whole = tensors.pop(name)
    write(path, tensors, metadata)
    assert refused(path) == f"the model is damaged, '{name}' is missing or unreadable; {RESTORE}"
    write(path, tensors | {name: torch.zeros((*whole.shape, 2), dtype=whole.dtype)}, metadata)
    shapes = f"{(*whole.shape, 2)}, its header says {tuple(whole.shape)}"
    assert refused(path) == f"the model is damaged, {name} is {shapes}; {RESTORE}"
    write(path, tensors | {name: torch.full_like(whole, torch.nan)}, metadata)
    assert refused(path) == f"the model is damaged, {name} holds values that are not numbers; {RESTORE}"
    write(path, tensors | {name: whole.half()}, metadata)
    assert refused(path) == f"the model is damaged, {name} is torch.float16, expected {whole.dtype}; {RESTORE}"


def test_loaded_moments_give_the_gaussians_that_were_saved(path: Path) -> None:
    model = load_model(path)
    assert model.moments is not None
    assert torch.equal(model.moments.gaussians(0.25).whitening, model.gaussians.whitening)


def test_a_loaded_model_outlives_its_file(path: Path) -> None:
    model = load_model(path)
    save_model(a_model(seed=1), path)
    path.unlink()
    same(model, a_model())


def test_a_loaded_model_outlives_another_copied_over_its_file(path: Path) -> None:
    model = load_model(path)
    with open(path, "wb"):  # as cp begins
        same(model, a_model())


def test_a_model_without_mask_and_moments_is_small(tmp_path: Path) -> None:
    path = tmp_path / "gate.stillwatch"
    save_model(a_model(masked=False, resumable=False), path)
    with safe_open(path, framework="pt") as file:
        assert sorted(file.keys()) == ["mean", "whitening"]
    same(load_model(path), a_model(masked=False, resumable=False))


def test_the_header_can_be_read_without_the_tensors(path: Path) -> None:
    tensors, metadata = parts_of(path)
    write(path, {name: torch.full_like(tensor, 255) for name, tensor in tensors.items()}, metadata)
    header = read_header(path)
    assert header.format_version == FORMAT_VERSION
    assert header.package_version == "0.1.0"
    assert (header.settings, header.threshold) == (a_model().settings, a_model().threshold)
    assert (header.frames, header.fps, header.resumable, header.merged) == (20, 5.0, True, True)


def test_the_header_is_json_that_others_can_read(path: Path) -> None:
    header = json.loads(parts_of(path)[1]["stillwatch"])
    assert header["format_version"] == 3
    assert header["settings"]["backbone"] == "resnet18"
    assert header["geometry"] == {"resize": [32, 48], "crop": None}
    assert header["threshold"] == {
        "value": 17.125,
        "lingering": 0.625,
        "frames": 12,
        "held_out_s": 2.2,
        "asked_a_day": 0.5,
        "expected_a_day": 1.25,
        "interval_a_day": [0.125, 9.5],
        "provisional": True,
        "motion": [],
        "powers": [],
    }
    assert header["blocks"][0] == {
        "model_frames": 8,
        "frames": 4,
        "seconds": 0.6,
        "tail": [9.5, 3.25],
        "lingering": [4.0],
        "motion": [],
        "usual": 0.0,
    }
    assert header["motion"] is False


def parts_of(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    with safe_open(path, framework="pt") as file:
        return {name: file.get_tensor(name).clone() for name in file.keys()}, dict(file.metadata())  # noqa: SIM118


def write(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str] | None) -> None:
    save_file(tensors, path, metadata=metadata)


def edit_header(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    tensors, metadata = parts_of(path)
    header = json.loads(metadata["stillwatch"])
    change(header)
    write(path, tensors, {"stillwatch": json.dumps(header)})


def edit_tensor(path: Path, name: str, tensor: Tensor) -> None:
    tensors, metadata = parts_of(path)
    write(path, {**tensors, name: tensor}, metadata)


def refused(path: Path) -> str:
    with pytest.raises(ModelError) as caught:
        load_model(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


def test_a_missing_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gate.stillwatch"
    text = f"no such model; make one with 'stillwatch fit FOOTAGE -o {path}'."
    assert refused(path) == text
    with pytest.raises(ModelError) as caught:
        read_header(path)
    assert str(caught.value) == f"{path}: {text}"


def test_a_model_cut_off_anywhere_is_refused(path: Path) -> None:
    content = path.read_bytes()
    places = {*range(12), *np.linspace(0, len(content) - 1, 60).astype(int).tolist(), len(content) - 1}
    for place in sorted(places):
        path.write_bytes(content[:place])
        assert refused(path) == CUT_OFF, place
        with pytest.raises(ModelError):
            read_header(path)


def test_a_model_with_something_appended_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")
    assert refused(path) == CUT_OFF


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_byte_of_the_header_never_breaks_the_reader(path: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes())
    length = 8 + int.from_bytes(content[:8], "little")
    place, value = data.draw(st.integers(0, length - 1)), data.draw(st.integers(0, 255))
    damaged = path.with_name("damaged.stillwatch")
    content[place] = value
    damaged.write_bytes(content)
    try:
        load_model(damaged)  # a digit of the footage's length may change unnoticed
    except ModelError as error:
        assert str(error).startswith(f"{damaged}: ")  # noqa: PT017  # either way is right


@pytest.mark.parametrize("content", [b"", b"not a model\n", b"\xff" * 300, b"PK\x03\x04 a zip"])
def test_other_files_are_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert refused(path) == CUT_OFF


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_safetensors_of_others_are_refused(path: Path, metadata: dict[str, str] | None) -> None:
    write(path, {"mean": torch.zeros(2, 2)}, metadata)
    assert refused(path) == NOT_OURS


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.mkdir, (self.folder,)


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value))])
def test_nothing_is_unpickled(path: Path, save: Callable[[object, Path], object]) -> None:
    trap = path.with_name("sprung")
    save({"mean": Trap(trap)}, path)
    assert refused(path) == CUT_OFF
    assert not trap.exists()


@pytest.mark.parametrize("version", [0, 1, 2, 4, "1.5"])
def test_another_format_version_is_refused_by_its_number(path: Path, version: object) -> None:
    # A later version may say more than this one knows: the number comes first all the same.
    edit_header(path, lambda header: header.update({"format_version": version, "motion": {}, "settings": 3}))
    text = (
        f"has format version {version}, this stillwatch reads 3; fit the model again, or use the version that made it."
    )
    assert refused(path) == text
    with pytest.raises(ModelError) as caught:
        read_header(path)
    assert str(caught.value) == f"{path}: {text}"


def test_a_model_of_the_first_format_is_refused_with_what_to_do(path: Path) -> None:
    def as_it_was(header: dict[str, Any]) -> None:
        header["format_version"] = 1
        header["threshold"] = {"value": 17.125, "frames": 12, "quantile": 0.995}
        header["blocks"] = [{"model_frames": 8, "frames": 4, "tail": [9.5, 3.25]}]
        header["settings"]["shrinkage"] = 0.1

    edit_header(path, as_it_was)
    assert refused(path) == (
        "has format version 1, this stillwatch reads 3; fit the model again, or use the version that made it."
    )


@pytest.mark.parametrize("field", ["model_frames", "frames", "seconds", "tail"])
def test_a_block_that_lacks_a_number_is_refused(path: Path, field: str) -> None:
    edit_header(path, lambda header: header["blocks"][1].pop(field))
    assert refused(path) == f"the model is damaged, its header's blocks.1.{field} is unreadable; {RESTORE}"


def test_a_header_that_is_not_json_is_refused(path: Path) -> None:
    tensors, _ = parts_of(path)
    write(path, tensors, {"stillwatch": "{not json"})
    assert refused(path) == f"the model is damaged, its header is unreadable; {RESTORE}"


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("frames", "many", "frames"),
        ("channels", None, "channels"),
        ("geometry", {"resize": [33, 48], "crop": None}, "geometry"),
        ("settings", {"grid": 5}, "settings"),
        ("precision", "float8", "precision"),
        ("motion", {}, "motion"),
        ("epsilon", float("nan"), "epsilon"),
        ("fps", float("inf"), "fps"),
        ("threshold", {"value": 1.5}, "threshold.frames"),
        ("threshold", {"value": 1.5, "frames": 3, "interval_a_day": [1.0]}, "threshold.interval_a_day.1"),
    ],
)
def test_a_damaged_header_is_refused_with_its_place(path: Path, name: str, value: object, place: str) -> None:
    edit_header(path, lambda header: header.update({name: value}))
    assert refused(path) == f"the model is damaged, its header's {place} is unreadable; {RESTORE}"


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (0, "its threshold is 0, expected a number above 0"),
        (-1.5, "its threshold is -1.5, expected a number above 0"),
        (float("nan"), "its header's threshold.value is unreadable"),
        (float("inf"), "its header's threshold.value is unreadable"),
    ],
)
def test_a_threshold_that_is_not_above_0_is_refused(path: Path, value: float, what: str) -> None:
    edit_header(path, lambda header: header["threshold"].update(value=value))
    assert refused(path) == f"the model is damaged, {what}; {RESTORE}"


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["mean", "whitening", "moments_mean", "moments_scatter"])
def test_a_tensor_with_what_is_no_number_is_refused(path: Path, name: str, bad: float) -> None:
    tensor = parts_of(path)[0][name]
    tensor[4, 1] = bad
    edit_tensor(path, name, tensor)
    assert refused(path) == f"the model is damaged, {name} holds values that are not numbers; {RESTORE}"


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("mean", (6, 4), (6, 3)),
        ("mean", (18,), (6, 3)),
        ("whitening", (5, 6), (6, 6)),
        ("whitening", (6, 3, 3), (6, 6)),
        ("mask", (48, 32), (32, 48)),
        ("moments_mean", (6, 2), (6, 3)),
        ("moments_scatter", (6, 9), (6, 6)),
    ],
)
def test_a_tensor_of_another_shape_is_refused(
    path: Path, name: str, shape: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    edit_tensor(path, name, torch.zeros(shape))
    assert refused(path) == (f"the model is damaged, {name} is {shape}, its header says {expected}; {RESTORE}")


@pytest.mark.parametrize("name", ["mean", "whitening", "moments_mean", "moments_scatter"])
def test_a_missing_tensor_is_refused(path: Path, name: str) -> None:
    tensors, metadata = parts_of(path)
    del tensors[name]
    write(path, tensors, metadata)
    assert refused(path) == f"the model is damaged, '{name}' is missing or unreadable; {RESTORE}"


@pytest.mark.parametrize("name", ["mean", "whitening"])
def test_a_tensor_of_another_kind_of_number_is_refused(path: Path, name: str) -> None:
    edit_tensor(path, name, parts_of(path)[0][name].view(torch.int32))
    assert refused(path).startswith(f"the model is damaged, {name} ")


@contextmanager
def disk_with(free_bytes: int) -> Iterator[None]:
    """Files grow to this many bytes and no further, as on a disk that fills up."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("free_bytes", [0, 1000, 3000])
def test_a_disk_that_fills_up_leaves_the_old_model_and_nothing_else(path: Path, free_bytes: int) -> None:
    before = path.read_bytes()
    assert len(before) > free_bytes
    with disk_with(free_bytes), pytest.raises(OutputError) as caught:
        save_model(a_model(seed=1), path)
    text = str(caught.value)
    assert text.startswith(f"{path}: cannot be written, ")
    assert text.endswith("; free some space or choose another place.")
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "gate.stillwatch"
    with pytest.raises(OutputError) as caught:
        save_model(a_model(), path)
    assert str(caught.value) == (
        f"{path}: cannot be written, no such file or directory; free some space or choose another place."
    )
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gate.stillwatch"
    path.mkdir()
    with pytest.raises(OutputError) as caught:
        save_model(a_model(), path)
    assert str(caught.value) == f"{path}: cannot be written, is a directory; free some space or choose another place."
    assert [file.name for file in tmp_path.iterdir()] == ["gate.stillwatch"]


@pytest.mark.parametrize(("folder_mode", "file_mode"), [(0o755, 0o000), (0o000, 0o644)])
def test_a_model_that_may_not_be_read_is_refused(
    path: Path, ordinary_user: AbstractContextManager[None], folder_mode: int, file_mode: int
) -> None:
    path.chmod(file_mode)
    path.parent.chmod(folder_mode)
    try:
        with ordinary_user:
            refused(path)
    finally:
        path.parent.chmod(0o755)


def test_a_new_model_takes_the_place_of_the_old(path: Path) -> None:
    save_model(a_model(seed=1), path)
    same(load_model(path), a_model(seed=1))
