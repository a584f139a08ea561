"""Catalogs as they were read before: the model as JSON, kept where a person's programs keep their caches.

Reading YAML, checking it and compiling every schema takes longer than all else that a command does. What is kept holds
for one text at one path, read by one version of this code; it is used only if it belongs to this user and nobody else
may touch it. Whatever is wrong with it, the catalog is read as if there were none.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from jobctl.catalog.model import Catalog

_HEX = 64
_PRIVATE = 0o077
"""Permission bits that nobody else may have."""


def load(path: Path, folder: Path | None) -> Catalog:
    """As `load.load`, with the same errors; `folder` is where what was read is kept, None for nowhere."""
    with suppress(OSError, ValueError, RecursionError):
        if folder is not None and path.is_file():  # a pipe can be read only once
            return _kept(_file(path, folder), _key(path, path.read_bytes()))
    from jobctl.catalog.load import load_text, read

    text = read(path)
    catalog = load_text(text, str(path))
    with suppress(OSError, ValueError, TypeError, RecursionError):
        if folder is not None:
            _keep(_file(path, folder), _key(path, text.encode()), catalog)
    return catalog


def _file(path: Path, folder: Path) -> Path:
    """One file a catalog, however often it changes."""
    return folder / f"{hashlib.sha256(os.fsencode(path.resolve())).hexdigest()[:32]}.json"


def _key(path: Path, data: bytes) -> bytes:
    """What the kept catalog depends on: the text, its path, and the code that reads it, edited or upgraded."""
    here = Path(__file__).parent
    files = [entry for folder in (here, here / "kinds") for entry in os.scandir(folder)]
    code = sorted((entry.path, entry.stat().st_mtime_ns) for entry in files)
    told = repr((sys.version, msgspec.__version__, code, str(path), str(path.resolve())))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass") + b"\0" + data).hexdigest().encode()


def _kept(file: Path, key: bytes) -> Catalog:
    """Raises OSError or ValueError unless there is one, ours alone, for this key."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & _PRIVATE:
            raise ValueError("somebody else may have written it")
        if stream.read(_HEX) != key:
            raise ValueError("of another text")
        catalog = msgspec.json.decode(stream.read(), type=Catalog)
    for name, digest in catalog.files.items():
        if hashlib.sha256(Path(name).read_bytes()).hexdigest() != digest:
            raise ValueError("a file that it was made of has changed")
    return catalog


def _keep(file: Path, key: bytes, catalog: Catalog) -> None:
    """Raises OSError, or ValueError for a catalog that JSON does not bring back as it was."""
    data = msgspec.json.encode(catalog)
    if repr(msgspec.json.decode(data, type=Catalog)) != repr(catalog):
        raise ValueError("changed on the way")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = file.with_suffix(f".{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(key + data)
        draft.replace(file)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
