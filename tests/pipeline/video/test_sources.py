"""What people call footage, and the sources behind it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ConfigError, SourceError
from pipeline.video.sources import Source, SourceKind, find_sources

ADDRESS = st.sampled_from(["rtsp", "rtsps", "http", "https"])
# A # or ? ends nothing here: passwords hold them, and nobody writes %23.
SECRET = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/:@"), min_size=6)


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_a_file_is_one_source_whatever_its_suffix(tmp_path: Path) -> None:
    path = touch(tmp_path, "camera.raw") / "camera.raw"
    assert find_sources([path]) == [Source(str(path), SourceKind.FILE)]
    assert find_sources([f"file://{path}"]) == find_sources([path])


def test_a_folder_of_images_is_one_source_in_natural_order(tmp_path: Path) -> None:
    folder = touch(tmp_path / "shots", "img10.PNG", "img2.png", "img1.png", "._img1.png", "notes.txt", ".DS_Store")
    (source,) = find_sources([folder])
    assert source == Source(
        str(folder),
        SourceKind.IMAGES,
        tuple(str(folder / name) for name in ("img1.png", "img2.png", "img10.PNG")),
    )
    assert source.name == "shots"


def test_a_folder_of_recordings_is_one_source_each_in_natural_order(tmp_path: Path) -> None:
    folder = touch(tmp_path, "b.mp4", "gate10.mkv", "gate9.MP4", ".gate1.mp4")
    assert [source.name for source in find_sources([folder])] == ["b.mp4", "gate9.MP4", "gate10.mkv"]


def test_a_glob_is_expanded_in_natural_order(tmp_path: Path) -> None:
    touch(tmp_path, "gate10.mp4", "gate2.mp4", "dock1.mp4")
    assert [source.name for source in find_sources([tmp_path / "gate*.mp4"])] == ["gate2.mp4", "gate10.mp4"]


def test_a_glob_of_folders_gives_one_source_of_images_each(tmp_path: Path) -> None:
    for name in ("Test010", "Test002"):
        touch(tmp_path / name, "001.tif", "002.tif")
    assert [source.name for source in find_sources([tmp_path / "Test*"])] == ["Test002", "Test010"]


def test_two_stars_cross_folders_and_name_every_file_once(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "b", "1.mp4")
    touch(tmp_path / "a", "2.mp4")
    expected = [str(tmp_path / "a/2.mp4"), str(tmp_path / "a/b/1.mp4")]
    assert [source.location for source in find_sources([tmp_path / "**"])] == expected
    assert [source.location for source in find_sources([tmp_path / "**/*.mp4"])] == expected


def test_a_name_with_brackets_is_a_file_before_it_is_a_glob(tmp_path: Path) -> None:
    path = touch(tmp_path, "gate[1].mp4", "gate1.mp4") / "gate[1].mp4"
    assert [source.location for source in find_sources([path])] == [str(path)]


def test_images_named_one_by_one_are_one_source_a_folder(tmp_path: Path) -> None:
    touch(tmp_path / "a", "1.png", "2.png")
    touch(tmp_path / "b", "1.png")
    sources = find_sources([tmp_path / "a/1.png", tmp_path / "a/2.png", tmp_path / "b/1.png"])
    assert [(source.name, len(source.pictures)) for source in sources] == [("a", 2), ("1.png", 1)]


def test_addresses_and_devices_are_sources_and_only_cameras_are_live() -> None:
    sources = find_sources(
        [
            "rtsp://cam/1",
            "RTSPS://cam/1",
            "http://host/a.mp4",
            "https://host/a.mp4",
            "v4l2:///dev/video3",
            "/dev/video0",
        ]
    )
    url, device = SourceKind.URL, SourceKind.DEVICE
    assert [source.kind for source in sources] == [url, url, url, url, device, device]
    assert [source.live for source in sources] == [True, True, False, False, True, True]
    assert [source.location for source in sources[1:2]] == ["rtsps://cam/1"]
    assert [source.location for source in sources[-2:]] == ["/dev/video3", "/dev/video0"]


@given(ADDRESS, SECRET, SECRET)
def test_no_password_is_ever_shown(scheme: str, user: str, password: str) -> None:
    (source,) = find_sources([f"{scheme}://{user}:{password}@cam.lan:554/stream1?token={password}"])
    assert source.name == source.where == f"{scheme}://cam.lan:554/stream1"
    assert repr(source) == f"Source('{scheme}://cam.lan:554/stream1', url)"


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ("gate.mp4", "gate.mp4: there is no such file or folder; check the name."),
        ("clips/*.mp4", "clips/*.mp4: no file matches; check the pattern."),
        ("empty", "empty: holds no images or recordings; name a folder that does."),
        (
            "outer",
            "outer: holds no images or recordings itself, but folders in it do; "
            "name them with a glob, 'outer/*', or one alone, 'outer/inner'.",
        ),
        (
            "mixed",
            "mixed: holds both images (1) and recordings (2); choose one kind, for example 'mixed/*.mkv'.",
        ),
    ],
)
def test_what_is_not_footage_is_refused(
    item: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    touch(tmp_path / "empty", "notes.txt", ".hidden.mp4")
    touch(tmp_path / "outer" / "inner", "1.png")
    touch(tmp_path / "mixed", "1.png", "2.mp4", "1.mkv")
    with pytest.raises(SourceError) as caught:
        find_sources([item])
    assert str(caught.value) == message


def test_other_schemes_are_refused_without_their_password() -> None:
    with pytest.raises(ConfigError) as caught:
        find_sources(["rtmp://viewer:secret@host/live"])
    assert str(caught.value) == (
        "rtmp://host/live: addresses of the kind rtmp:// are not opened; use file, rtsp, rtsps, http, https or v4l2."
    )


def test_no_footage_is_refused() -> None:
    with pytest.raises(ConfigError) as caught:
        find_sources([])
    assert str(caught.value) == "no footage was named; name a recording, a folder, a glob or an address."


def test_what_is_live_goes_by_the_address_unless_it_is_said() -> None:
    sources = find_sources(["rtsp://cam/1", "rtsps://cam/1", "v4l2:///dev/video0", "http://cam/1", "https://cam/1"])
    assert [source.live for source in sources] == [True, True, True, False, False]
    assert [source.rtsp for source in sources] == [True, True, False, False, False]
    assert [replace(source, is_live=True).live for source in sources] == [True] * 5
    assert replace(sources[0], is_live=False).live is False
