"""The card of a model file: what `load_model` would say, from the head alone."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.errors import ModelError
from pipeline.model.card import LONGEST_HEAD, ModelCard, file_digest, read_card
from pipeline.model.model_file import load_model, save_model
from tests.pipeline.model.test_model_file import CUT_OFF, NOT_OURS, RESTORE, a_model, edit_header, parts_of, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "gate.stillwatch"
    save_model(a_model(), path)
    return path


def refused(path: Path) -> str:
    """What both readers say of a model."""
    said = []
    for read in (read_card, load_model):
        with pytest.raises(ModelError) as caught:
            read(path)
        said.append(str(caught.value))
    assert said[0] == said[1]
    assert said[0].startswith(f"{path}: ")
    return said[0].removeprefix(f"{path}: ")


def with_head(path: Path, head: bytes, *, length: int | None = None) -> None:
    path.write_bytes((len(head) if length is None else length).to_bytes(8, "little") + head)


def test_a_card_says_what_the_model_says(path: Path) -> None:
    model, digest = a_model(), sha256(path.read_bytes()).hexdigest()[:16]
    assert read_card(path) == ModelCard(
        digest=digest,
        geometry=model.geometry,
        source_size=(240, 357),
        fps=5.0,
        lingering=0.625,
        threshold=17.125,
        provisional=True,
        has_motion=False,
        bytes=path.stat().st_size,
    )
    assert file_digest(path) == digest


@pytest.mark.parametrize("motion", [True, False])
def test_a_card_says_whether_the_model_has_motion(path: Path, motion: bool) -> None:
    edit_header(path, lambda header: header.update({"motion": motion}))
    assert read_card(path).has_motion is motion


def test_a_model_that_was_fitted_again_has_another_digest(path: Path) -> None:
    before = read_card(path)
    save_model(a_model(seed=1), path)
    after = read_card(path)
    assert (before.digest != after.digest, before.bytes) == (True, after.bytes)


def test_a_missing_model_and_a_folder_are_refused(path: Path) -> None:
    absent = path.with_name("other.stillwatch")
    assert refused(absent) == f"no such model; make one with 'stillwatch fit FOOTAGE -o {absent}'."
    assert refused(path.parent) == "is a folder; name the model in it."
    with pytest.raises(ModelError) as caught:
        file_digest(absent)
    assert str(caught.value) == f"{absent}: no such model; make one with 'stillwatch fit FOOTAGE -o {absent}'."


def test_a_model_cut_off_anywhere_is_refused(path: Path) -> None:
    content = path.read_bytes()
    for place in sorted({*range(12), *np.linspace(0, len(content) - 1, 60).astype(int).tolist(), len(content) - 1}):
        path.write_bytes(content[:place])
        assert refused(path) == CUT_OFF, place
    path.write_bytes(content + b"\0")
    assert refused(path) == CUT_OFF


@pytest.mark.parametrize("content", [b"", b"not a model\n", b"\xff" * 300, b"PK\x03\x04 a zip", b"\0" * 99])
def test_other_files_are_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert refused(path) == CUT_OFF


@pytest.mark.parametrize(
    "head", [b"[1, 2]", b"7", b"{", b"\xff\xfe", b'{"a": 3}', b'{"a": {"data_offsets": "x"}}', b'{"__metadata__": [1]}']
)
def test_heads_that_are_not_of_the_form_are_refused(path: Path, head: bytes) -> None:
    with_head(path, head)
    assert refused(path) == CUT_OFF


def test_a_head_nested_deeply_is_refused(path: Path) -> None:
    with_head(path, b"[" * 200_000)
    assert refused(path) == CUT_OFF


def test_a_head_of_any_claimed_length_takes_no_memory(path: Path) -> None:
    with open(path, "wb") as file:  # sparse
        file.write((LONGEST_HEAD + 1).to_bytes(8, "little"))
        file.truncate(LONGEST_HEAD + 100)
    with pytest.raises(ModelError) as caught:
        read_card(path)
    assert str(caught.value) == f"{path}: {CUT_OFF}"


@pytest.mark.parametrize("metadata", [None, {"format": "pt"}])
def test_safetensors_of_others_are_refused(path: Path, metadata: dict[str, str] | None) -> None:
    write(path, {"mean": torch.zeros(2, 2)}, metadata)
    assert refused(path) == NOT_OURS


@pytest.mark.parametrize("version", [0, 1, 2, 4, "1.5"])
def test_another_format_version_is_refused_by_its_number(path: Path, version: object) -> None:
    edit_header(path, lambda header: header.update({"format_version": version, "geometry": 3}))
    assert refused(path) == (
        f"has format version {version}, this stillwatch reads 3; fit the model again, or use the version that made it."
    )


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        ("geometry", {"resize": [33, 48], "crop": None}, "geometry"),
        ("source_size", [1], "source_size.1"),
        ("fps", float("inf"), "fps"),
        ("threshold", {"frames": 12}, "threshold.value"),
        ("motion", None, "motion"),
        ("motion", {"planes": 1}, "motion"),
        ("threshold", {"value": float("nan"), "frames": 12}, "threshold.value"),
    ],
)
def test_a_damaged_header_is_refused_with_its_place(path: Path, name: str, value: object, place: str) -> None:
    edit_header(path, lambda header: header.update({name: value}))
    assert refused(path) == f"the model is damaged, its header's {place} is unreadable; {RESTORE}"


def test_a_header_that_is_not_json_is_refused(path: Path) -> None:
    write(path, parts_of(path)[0], {"stillwatch": "{not json"})
    assert refused(path) == f"the model is damaged, its header is unreadable; {RESTORE}"


@pytest.mark.parametrize("value", [0, -1.5])
def test_a_threshold_that_is_not_above_0_is_refused(path: Path, value: float) -> None:
    edit_header(path, lambda header: header["threshold"].update(value=value))
    assert refused(path) == f"the model is damaged, its threshold is {value:g}, expected a number above 0; {RESTORE}"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_byte_of_the_head_never_breaks_the_reader(path: Path, data: st.DataObject) -> None:
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, 7 + int.from_bytes(content[:8], "little")))
    content[place] = data.draw(st.integers(0, 255))
    changed = path.with_name("changed.stillwatch")
    changed.write_bytes(content)
    try:
        read_card(changed)
    except ModelError as error:
        assert str(error).startswith(f"{changed}: ")  # noqa: PT017  # either way is right


def test_metadata_that_is_no_text_is_refused(path: Path) -> None:
    with_head(path, json.dumps({"__metadata__": {"stillwatch": 7}}).encode())
    assert refused(path) == CUT_OFF
