"""Collect the licence texts of what an image ships: `licences.py LOCK OUT [OFFER]`.

A folder a package, from what its wheel holds; the GPL and LGPL, which PyAV's wheel does not hold, from Debian; a notice
on FFmpeg with the names of the libraries in it. Fails where a package ships files and no text: none is left out.
To be run by the interpreter that the packages are installed for; packages for other systems are passed over.

    LOCK    the versions that are installed, as lock_part.py prints them
    OUT     where to
    OFFER   where whoever builds the image offers the source of its GPL parts
"""

from __future__ import annotations

import ctypes
import re
import shutil
import sys
from importlib.metadata import Distribution, PackagePath, distributions
from pathlib import Path

TEXT = re.compile(r"licen[cs]e|copying|copyright|notice|eula", re.IGNORECASE)
CODE = (".py", ".pyc", ".pyi", ".so", ".h", ".hpp")
COMMON = Path("/usr/share/common-licenses")
GNU = ("GPL-2", "GPL-3", "LGPL-2.1", "LGPL-3")
NOTICE = Path(__file__).parent / "ffmpeg-notice.txt"
NO_OFFER = "None was named when it was built: do not pass this image on."


def main(lock: str, out: str, offer: str = NO_OFFER) -> None:
    """Write OUT, or say which packages have no text."""
    installed = {canonical(found.name): found for found in distributions()}
    names = {canonical(line.split("==")[0]) for line in Path(lock).read_text("utf-8").splitlines()}
    shipped = {name: installed[name] for name in sorted(names & installed.keys())}
    silent = [name for name, found in shipped.items() if not collect(found, Path(out) / name)]
    if silent:
        sys.exit(f"No licence text is shipped by {', '.join(silent)}; find theirs, and put it beside {__file__}.")
    add_ffmpeg(shipped["av"], Path(out) / "av", offer)


def canonical(name: str) -> str:
    """A package's name as the index compares it."""
    return re.sub("[-_.]+", "-", name).lower()


def collect(found: Distribution, folder: Path) -> bool:
    """Copy the texts of one package; False where it has none and should."""
    files = found.files or []
    texts = [file for file in files if is_text(file)]
    for text in texts:
        copy = folder.joinpath(*(part for part in text.parts if part != ".."))
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(found.locate_file(text)), copy)
    if not texts and all(file.parts[0].endswith(".dist-info") for file in files):
        # A name under which others are installed; they are packages with texts of their own.
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "EMPTY.txt").write_text(f"{found.name} {found.version} holds no files but its own description.\n")
        return True
    return bool(texts)


def is_text(file: PackagePath) -> bool:
    """Whether a file of a wheel is a licence or a notice."""
    told = "licenses" in file.parts and any(part.endswith(".dist-info") for part in file.parts)
    return (told or bool(TEXT.search(file.name))) and file.suffix not in CODE


def add_ffmpeg(av: Distribution, folder: Path, offer: str) -> None:
    """The notice on FFmpeg, the libraries it is about, and the texts that they are under."""
    for name in GNU:
        shutil.copyfile(COMMON / name, folder / f"{name}.txt")
    libraries = sorted((file for file in av.files or [] if file.parts[0] == "av.libs"), key=lambda file: file.name)
    (utilities,) = (file for file in libraries if file.name.startswith("libavutil"))
    told = ctypes.CDLL(str(av.locate_file(utilities))).avutil_license
    told.restype = ctypes.c_char_p
    text = NOTICE.read_text("utf-8").format(
        version=av.version,
        libraries="\n".join(f"    {file.name}" for file in libraries),
        ffmpeg=told().decode(),
        offer=offer,
    )
    (folder / "FFMPEG-NOTICE.txt").write_text(text, "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
