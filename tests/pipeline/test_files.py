"""Files are written whole or not at all, and refused before the work is done."""

from __future__ import annotations

import errno
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pipeline.errors import OutputError, SourceError, SourceLost
from pipeline.files import cache_folder, check_writable, output_error, written_whole

CHOOSE = "free some space or choose another place."


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "scores.csv"
    path.write_text("old")
    return path


def test_the_new_content_appears_all_at_once(path: Path) -> None:
    with written_whole(path) as part:
        assert part.parent == path.parent
        part.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    "error",
    [ValueError("a bug"), KeyboardInterrupt(), SourceLost("gate: is gone."), SourceError("gate: no."), SystemExit(3)],
)
def test_an_error_leaves_the_old_content_and_passes_through_unchanged(path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, written_whole(path) as part:  # noqa: PT012
        part.write_text("half")
        raise error
    assert caught.value is error
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(path: Path) -> None:
    full = path.with_name(f".{path.name}.part")
    full.symlink_to("/dev/full")
    with pytest.raises(OutputError) as caught, written_whole(path) as part:
        part.write_text("new")
    assert str(caught.value) == f"{path}: cannot be written, no space left on device; {CHOOSE}"
    assert isinstance(caught.value.__cause__, OSError)
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_folder_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "scores.csv"
    with pytest.raises(OutputError) as caught, written_whole(path) as part:
        part.write_text("new")
    assert str(caught.value) == f"{path}: cannot be written, no such file or directory; {CHOOSE}"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_may_not_be_written_is_one_sentence(
    path: Path, ordinary_user: AbstractContextManager[None]
) -> None:
    path.parent.chmod(0o555)
    try:
        with ordinary_user, pytest.raises(OutputError) as caught, written_whole(path) as part:
            part.write_text("new")
    finally:
        path.parent.chmod(0o755)
    assert str(caught.value) == f"{path}: cannot be written, permission denied; {CHOOSE}"
    assert path.read_text() == "old"


def test_what_a_killed_process_left_is_replaced(path: Path) -> None:
    path.with_name(".scores.csv.part").write_text("half of something")
    with written_whole(path) as part, open(part, "w", encoding="utf-8") as file:
        file.write("new")
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_a_block_that_writes_nothing_is_an_error(path: Path) -> None:
    with pytest.raises(OutputError), written_whole(path):
        pass
    assert path.read_text() == "old"


def test_an_error_of_the_system_becomes_a_sentence() -> None:
    path = Path("out/scores.csv")
    full = OSError(errno.ENOSPC, "No space left on device", ".scores.csv.part")
    assert str(output_error(path, full)) == f"out/scores.csv: cannot be written, no space left on device; {CHOOSE}"
    assert str(output_error(path, OSError("Broken"))) == f"out/scores.csv: cannot be written, broken; {CHOOSE}"
    assert str(output_error(path, TimeoutError())) == f"out/scores.csv: cannot be written, timeouterror; {CHOOSE}"


def test_a_place_that_can_be_written_is_no_error(path: Path) -> None:
    check_writable(path)
    check_writable(path.with_name("new.csv"))
    assert list(path.parent.iterdir()) == [path]


def test_a_place_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        check_writable(tmp_path)
    assert str(caught.value) == f"{tmp_path}: is a folder; give the name of a file."


def test_a_place_without_a_folder_is_refused(path: Path) -> None:
    for folder in (path.parent / "missing", path):
        with pytest.raises(OutputError) as caught:
            check_writable(folder / "scores.csv")
        assert str(caught.value) == (
            f"{folder / 'scores.csv'}: there is no folder {folder}; make it, or choose another place."
        )


@pytest.mark.parametrize("mode", [0o555, 0o000])
def test_a_folder_that_may_not_be_written_is_refused(
    path: Path, ordinary_user: AbstractContextManager[None], mode: int
) -> None:
    path.parent.chmod(mode)
    try:
        with ordinary_user, pytest.raises(OutputError) as caught:
            check_writable(path)
    finally:
        path.parent.chmod(0o755)
    assert str(caught.value) == f"{path}: the folder may not be written; choose another place."


@pytest.mark.parametrize(
    ("own", "shared", "expected"),
    [
        ("/srv/cache", "/srv/all", "/srv/cache"),
        (None, "/srv/all", "/srv/all/stillwatch"),
        ("", "", "/home/ann/.cache/stillwatch"),
        (None, None, "/home/ann/.cache/stillwatch"),
        ("~/kept", None, "/home/ann/kept"),
    ],
)
def test_the_cache_lies_where_the_user_says(
    monkeypatch: pytest.MonkeyPatch, own: str | None, shared: str | None, expected: str
) -> None:
    monkeypatch.setenv("HOME", "/home/ann")
    for name, value in (("STILLWATCH_CACHE", own), ("XDG_CACHE_HOME", shared)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert cache_folder() == Path(expected)
