"""Catalogs as they were read before: used when nothing has changed, and never a reason to fail."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from jobctl.catalog import compiled, load
from jobctl.catalog.problems import CatalogError
from tests.support import PATIENCE_S

EXAMPLE = Path(__file__).parent.parent.parent / "jobs.yaml.example"
TEXT = "version: 1\nnamespace: first\njobs:\n  a: {python: 'm:f'}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "jobs.yaml"
    file.write_text(TEXT)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "jobctl"


def kept(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def change(file: Path) -> None:
    """Make what is kept tell its own story, so that a test sees whether it is used."""
    file.write_bytes(file.read_bytes().replace(b'"namespace":"first"', b'"namespace":"other"'))


def test_the_example_comes_back_as_it_was_read(tmp_path: Path, folder: Path) -> None:
    file = tmp_path / "jobs.yaml"
    file.write_text(EXAMPLE.read_text())
    read = load.load(file)
    compiled.load(file, folder)
    kept(folder)
    again = compiled.load(file, folder)
    assert again == read
    assert repr(again) == repr(read)


def test_a_catalog_that_was_read_before_is_not_read_again(path: Path, folder: Path) -> None:
    compiled.load(path, folder)
    change(kept(folder))
    assert compiled.load(path, folder).namespace == "other"


def test_a_changed_catalog_is_read_and_takes_the_place_of_the_old_one(path: Path, folder: Path) -> None:
    compiled.load(path, folder)
    path.write_text(TEXT.replace("first", "second"))
    assert compiled.load(path, folder).namespace == "second"
    assert b"second" in kept(folder).read_bytes()


def test_what_is_kept_is_for_its_owner_alone(path: Path, folder: Path) -> None:
    compiled.load(path, folder)
    file = kept(folder)
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    change(file)
    file.chmod(0o620)
    assert compiled.load(path, folder).namespace == "first"


@pytest.mark.parametrize("rubbish", [b"", b"{", b"\xff" * 100, b'{"namespace": 5}'])
def test_rubbish_in_its_place_changes_nothing(path: Path, folder: Path, rubbish: bytes) -> None:
    compiled.load(path, folder)
    file = kept(folder)
    key = file.read_bytes()[:64]
    file.write_bytes(rubbish)
    assert compiled.load(path, folder).namespace == "first"
    file.write_bytes(key + rubbish)
    assert compiled.load(path, folder).namespace == "first"


def test_a_broken_catalog_is_reported_every_time_and_not_kept(path: Path, folder: Path) -> None:
    path.write_text(TEXT + "wrong: 1\n")
    for _ in range(2):
        with pytest.raises(CatalogError):
            compiled.load(path, folder)
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_is_done_without(path: Path, folder: Path) -> None:
    folder.parent.write_text("not a folder")
    assert compiled.load(path, folder).namespace == "first"


def test_a_catalog_may_come_through_a_pipe(tmp_path: Path, folder: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(TEXT,), daemon=True)
    writer.start()
    assert compiled.load(pipe, folder).namespace == "first"
    writer.join(PATIENCE_S)
