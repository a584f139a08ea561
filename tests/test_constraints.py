"""constraints.txt: an exact version for everything that pyproject.toml names, within the bounds it sets."""

from __future__ import annotations

import re
import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PIN = re.compile(r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; [a-z_]+ .+)?")


def pins() -> dict[str, set[str]]:
    """The exact versions by name; more than one where they differ by Python version."""
    found: dict[str, set[str]] = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if not line.startswith("#"):
            pin = PIN.fullmatch(line)
            assert pin, f"not a name and an exact version: {line}"
            found.setdefault(pin["name"], set()).add(pin["version"])
    return found


def required() -> list[Requirement]:
    """What pyproject.toml names, to run, to build and in each extra, but for jobctl itself."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = document["project"]
    lines = chain(
        project["dependencies"], document["build-system"]["requires"], *project["optional-dependencies"].values()
    )
    return [found for line in lines if (found := Requirement(line)).name != "jobctl"]


def test_every_requirement_has_an_exact_version_within_its_bounds() -> None:
    exact = pins()
    for requirement in required():
        versions = exact.get(canonicalize_name(requirement.name), set())
        assert versions, f"{requirement.name} is not in constraints.txt: run `make upgrade`"
        for version in versions:
            assert requirement.specifier.contains(version), f"{requirement.name} {version} is outside of {requirement}"


def test_every_requirement_has_a_lowest_version() -> None:
    without = [str(line) for line in required() if not {"~=", ">=", "=="} & {part.operator for part in line.specifier}]
    assert not without
