"""Files that run jobctl elsewhere: those of deploy/, with the names and places of this catalog."""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from jobctl.catalog.kinds.base import External
from jobctl.errors import OperationFailed, Refused

if TYPE_CHECKING:
    from jobctl.catalog.model import Catalog

KINDS: Mapping[str, tuple[str, ...]] = {
    "compose": (
        "Dockerfile",
        "compose.yaml",
        "prometheus.yml",
        "prometheus-rules.yaml",
        "grafana-datasource.yaml",
        "grafana-dashboards.yaml",
        "grafana-dashboard.json",
    ),
    "k8s": ("Dockerfile", "kubernetes.yaml", "keda.yaml"),
    "systemd": ("jobctl-worker.service", "jobctl-scheduler.service"),
}
"""The files of each kind of deployment."""
AS_THEY_ARE = ("prometheus-rules.yaml", "grafana-dashboard.json", "prometheus.yml", "grafana-datasource.yaml")
"""Files in which nothing of the catalog stands."""
LONGEST_NAME = 40
"""Kubernetes's names have 63 characters, with what is put behind this one."""
_SHOP = re.compile(r"\bshop\b")
_REDIS = "redis://redis.internal:6379/0"
_IMAGE = "shop:latest"
_BUILD = "{context: .., dockerfile: deploy/Dockerfile}"
_MARK = "\0"
"""Stands in for an image's name, which may hold the word that is replaced; it can be in none of these files."""


class DeployFile(msgspec.Struct, frozen=True):
    """A file that was written."""

    path: str


class Wanted(msgspec.Struct, frozen=True):
    """What someone says of a deployment, where it is not to be the catalog's namespace and `NAME:latest`."""

    name: str | None = None
    image: str | None = None
    redis_url: str | None = None


def write(kind: str, catalog: Catalog, folder: Path, wanted: Wanted, *, force: bool) -> list[DeployFile]:
    """Write the files of a kind of deployment. Raises Refused where one exists, unless `force`."""
    made = {folder / file: _made(kind, file, catalog, folder, wanted) for file in KINDS[kind]}
    present = [str(path) for path in made if path.exists() or path.is_symlink()]
    if present and not force:
        verb = "exists" if len(present) == 1 else "exist"
        raise Refused(f"{', '.join(present)} {verb}", "pass --force to overwrite, or --dir for another folder")
    for path, text in made.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        except OSError as error:
            raise OperationFailed(f"cannot write {path}: {error.strerror}") from error
    return [DeployFile(str(path)) for path in made]


def external(catalog: Catalog) -> list[str]:
    """The environment variables that the catalog's jobs and alerts read when they run."""
    specs = [job.handler for job in catalog.jobs.values()]
    specs += [alert.handler for alert in catalog.alerts.values() if alert.handler is not None]
    return sorted({one.name for spec in specs for one in _externals(spec) if one.kind == "env"})


def _externals(spec: Any) -> Iterator[External]:
    for field in ("env", "headers"):
        yield from (value for value in getattr(spec, field, {}).values() if isinstance(value, External))


def slug(text: str) -> str:
    """A name as Docker and Kubernetes allow it (RFC 1123)."""
    found = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:LONGEST_NAME].strip("-")
    return found if found and found[0].isalpha() else f"jobs-{found}".strip("-")


def _made(kind: str, file: str, catalog: Catalog, folder: Path, wanted: Wanted) -> str:
    text = _template(file)
    if file in AS_THEY_ARE:
        return text
    here = Path(catalog.path or "jobs.yaml")
    if kind == "systemd":
        return _unit(text, here, wanted.redis_url)
    image = _MARK if wanted.image else _IMAGE
    text = _SHOP.sub(slug(wanted.name or catalog.namespace), text.replace(_IMAGE, image))
    text = text.replace(_MARK, wanted.image or "").replace("/app/jobs.yaml", f"/app/{here.name}")
    return _placed(text, here, folder, file) if file == "compose.yaml" else text


def _placed(text: str, catalog: Path, folder: Path, file: str) -> str:
    """A compose file that builds from the catalog's folder, wherever it stands itself."""
    context = os.path.relpath(catalog.parent, folder.resolve())
    recipe = os.path.relpath(folder.resolve() / "Dockerfile", catalog.parent)
    built = f"{{context: {_quoted(context)}, dockerfile: {_quoted(recipe)}}}"
    return text.replace(_BUILD, built).replace("deploy/compose.yaml", str(folder / file))


def _unit(text: str, catalog: Path, redis_url: str | None) -> str:
    """A unit with this machine's paths and this person's name. Its header, which tells of the paths, stays."""
    program = Path(sys.executable).parent / "jobctl"
    return (
        text.replace("/srv/shop/.venv/bin/jobctl", _word(str(program)))
        .replace("/srv/shop/jobs.yaml", _word(str(catalog)))
        .replace("WorkingDirectory=/srv/shop", f"WorkingDirectory={_word(str(catalog.parent))}")
        .replace("User=shop", f"User={_user()}")
        .replace(_REDIS, _word(redis_url or _REDIS))
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "nobody"


def _word(text: str) -> str:
    """A text in a unit, where per cent signs mean something."""
    if re.search(r"[\s\"'\\]", text):
        raise OperationFailed(f"{text!r} cannot stand in a unit", "move it to a path without spaces and quotes")
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """A text in YAML, inside of a mapping in braces."""
    return text if re.fullmatch(r"[A-Za-z0-9._/-]+", text) else msgspec.json.encode(text).decode()


def _template(name: str) -> str:
    """A file of deploy/: in the wheel below jobctl/data, in a checkout at its root."""
    shipped = resources.files("jobctl") / "data" / "deploy" / name
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    checkout = Path(__file__).resolve().parents[2] / "deploy" / name
    if checkout.is_file():
        return checkout.read_text(encoding="utf-8")
    raise OperationFailed(f"this installation of jobctl has no {name}", "reinstall jobctl")
