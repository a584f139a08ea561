"""The profile file: named deployments of one person, in `~/.config/jobctl/profiles.yaml`.

    profiles:
      staging: {redis_url: "redis://staging:6379/0", namespace: shop, read_only: true}

Which profile is in use is one line in `profile` beside it, so that `jobctl profile use` never rewrites the
hand-written file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobctl.errors import UsageError

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Profile:
    """One deployment. Paths are absolute, relative ones count from the profile file's folder."""

    name: str
    redis_url: str | None = None
    redis_password_file: str | None = None
    index_key_file: str | None = None
    namespace: str | None = None
    catalog: str | None = None
    read_only: bool = False
    production: bool = False
    require_reason: bool = False
    cluster: bool = False


_BOOLEANS = ("read_only", "production", "require_reason", "cluster")
_PATHS = ("redis_password_file", "index_key_file", "catalog")
_KEYS = tuple(field.name for field in fields(Profile) if field.name != "name")


def file_in(config_dir: Path) -> Path:
    """Where the profiles are written, by hand."""
    return config_dir / "profiles.yaml"


def current_in(config_dir: Path) -> str | None:
    """The name that `jobctl profile use` left, or None."""
    try:
        return (config_dir / "profile").read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def use(config_dir: Path, name: str | None) -> None:
    """Make `name` the profile of every later command; None goes back to using none."""
    marker = config_dir / "profile"
    if name is None:
        marker.unlink(missing_ok=True)
    else:
        marker.write_text(f"{name}\n")


def load(config_dir: Path) -> Mapping[str, Profile]:
    """All profiles by name; none when there is no file. Raises UsageError with `file:line`."""
    path = file_in(config_dir)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    return _Reader(path).read(data)


def find(config_dir: Path, name: str) -> Profile:
    """The profile of that name. Raises UsageError with the nearest name."""
    known = load(config_dir)
    if name in known:
        return known[name]
    raise UsageError(f"no profile {name!r} in {file_in(config_dir)}", nearest(name, known))


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or lists them all when none is close; '' without any."""
    import difflib

    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(names)}" if names else ""


class _Reader:
    """Reads one profile file, naming the line of whatever is wrong in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, data: bytes) -> Mapping[str, Profile]:
        import yaml

        if len(data) > MAX_BYTES:
            raise UsageError(f"{self.path}: larger than {MAX_BYTES} bytes")
        try:
            root = yaml.compose(data, Loader=yaml.CSafeLoader)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            place = f"{self.path}:{mark.line + 1}" if mark else f"{self.path}"
            raise UsageError(f"{place}: not YAML: {getattr(error, 'problem', None) or error}") from error
        if root is None:
            return {}
        top = self._mapping(root, "the file", ("profiles",))
        if "profiles" not in top:
            return {}
        named = self._mapping(top["profiles"], "profiles", None)
        return {name: self._profile(name, node) for name, node in named.items()}

    def _profile(self, name: str, node: yaml.Node) -> Profile:
        values: dict[str, Any] = {}
        for key, value in self._mapping(node, f"profile {name}", _KEYS).items():
            values[key] = self._boolean(key, value) if key in _BOOLEANS else self._text(key, value)
            if key in _PATHS:
                values[key] = str(self.path.parent / Path(values[key]).expanduser())
        return Profile(name=name, **values)

    def _mapping(self, node: yaml.Node, what: str, keys: tuple[str, ...] | None) -> dict[str, yaml.Node]:
        import yaml

        if not isinstance(node, yaml.MappingNode):
            raise self._problem(node, f"{what} must be a mapping")
        found: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = self._text(f"a key of {what}", key_node)
            if keys is not None and key not in keys:
                raise self._problem(key_node, f"{what} has no key {key!r}", nearest(key, keys))
            if key in found:
                raise self._problem(key_node, f"{key!r} is given twice in {what}")
            found[key] = value
        return found

    def _text(self, key: str, node: yaml.Node) -> str:
        import yaml

        if not isinstance(node, yaml.ScalarNode) or not node.value or node.tag.endswith(":null"):
            raise self._problem(node, f"{key} must be text")
        return str(node.value)

    def _boolean(self, key: str, node: yaml.Node) -> bool:
        if node.value not in ("true", "false"):
            raise self._problem(node, f"{key} must be true or false")
        return bool(node.value == "true")

    def _problem(self, node: yaml.Node, what: str, hint: str = "") -> UsageError:
        return UsageError(f"{self.path}:{node.start_mark.line + 1}: {what}", hint)
