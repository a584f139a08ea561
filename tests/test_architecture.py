"""The arrows of the design: who may import whom, who may read clocks and the environment, who may print."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent / "jobctl"
FILES = sorted(path for path in ROOT.rglob("*.py"))

LAYERS = (
    (
        "errors",
        "clock",
        "version",
        "prctl",
        "data",
        "names",
        "text",
        "redaction",
        "scrubbing",
        "spellings",
        "fingerprint",
    ),
    ("urls", "profiles", "settings"),
    ("catalog",),
    ("handlers", "context", "effects"),
    ("store",),
    ("tracing",),
    ("flow", "producer"),
    ("engine",),
    ("ops",),
    ("client", "broker", "__init__", "demo"),
    ("faces",),
    ("cli",),
    ("__main__",),
)
"""A module imports from its own layer and from those above it in this list, never from those below."""

ROOMS = {
    "engine": ("tools", "logs", "attempt", "liveness", "dramatiq", "process", "supervisor", "scheduler", "server"),
    "store": ("data", "wire", "nouns", "migrations", "store"),
}
"""The same inside a part that has rooms: a room imports from itself and from those before it."""

NEVER = {
    "store": {"dramatiq", "typer", "rich", "apscheduler"},
    "catalog": {"redis", "dramatiq", "typer", "rich"},
    "handlers": {"redis", "typer", "rich", "apscheduler"},
    "engine": {"typer", "rich"},
    "ops": {"redis", "dramatiq", "typer", "rich", "apscheduler"},
    "faces": {"redis", "dramatiq", "typer", "rich", "apscheduler"},
    "cli": {"redis", "dramatiq", "apscheduler"},
    "client": {"typer", "rich", "apscheduler"},
}

MAY_READ_ENVIRONMENT = {"settings.py": "it is the one reader"}
MAY_READ_CLOCKS = {"clock.py": "it is the one source"}
MAY_WRITE_TO_STREAMS = {
    "ops/run.py": "it hands on what a job prints",
    "handlers/inside.py": "likewise",
    "handlers/forks.py": "likewise",
}
"""Besides the command line, and the engine, whose workers log to stderr."""
CLOCKS = {
    ("time", name)
    for name in (
        "time",
        "time_ns",
        "monotonic",
        "monotonic_ns",
        "perf_counter",
        "perf_counter_ns",
        "localtime",
    )
} | {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today")}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def layer_of(module: str) -> int | None:
    return next((rank for rank, names in enumerate(LAYERS) if module in names), None)


def part_of(path: Path) -> str:
    """The part of the package that a file belongs to: `store`, `settings`, …"""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "jobctl":
                yield from (f"jobctl.{alias.name}" for alias in node.names)
            else:
                yield node.module


def attributes(path: Path) -> Iterator[tuple[str, str]]:
    """Every `name.attribute`, and every `from name import attribute`."""
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """Everything in a file."""
    return tuple(ast.walk(ast.parse(path.read_text(), str(path))))


def test_imports_run_one_way() -> None:
    assert not [wrong for path in FILES for wrong in layers_imported_from_below(path)]


def layers_imported_from_below(path: Path) -> Iterator[str]:
    own = layer_of(part_of(path))
    if own is None:
        yield f"{name_of(path)} is in no layer: add it to LAYERS"
        return
    for module in imports(path):
        if module.startswith("jobctl."):
            other = layer_of(module.split(".")[1])
            # `from jobctl import __version__` names no layer
            if other is not None and other > own:
                yield f"{name_of(path)} imports {module}, which is in a layer below its own"


def test_rooms_import_one_way() -> None:
    assert not [wrong for path in FILES for wrong in rooms_imported_from_below(path)]


def rooms_imported_from_below(path: Path) -> Iterator[str]:
    part, *inner = path.relative_to(ROOT).with_suffix("").parts
    order = ROOMS.get(part, ())
    if not order or inner == ["__init__"]:
        return
    if inner[0] not in order:
        yield f"{name_of(path)} is in no room: add it to ROOMS"
        return
    for module in imports(path):
        _, other, room, *_ = [*module.split("."), "", ""]
        if other == part and room in order[order.index(inner[0]) + 1 :]:
            yield f"{name_of(path)} imports {module}, which is in a room below its own"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports inside functions and for the type checker count: what they hide is a circle in the reader's head."""
    known = {module_of(file): set(modules_imported(file)) for file in FILES}
    clear: set[str] = set()
    for module in known:
        assert not (circle := circle_from(module, known, clear, ())), " → ".join(circle)


def module_of(path: Path) -> str:
    return ".".join(("jobctl", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")


MODULES = {module_of(path) for path in FILES}


def modules_imported(path: Path) -> Iterator[str]:
    """jobctl's modules that a file imports; a name that is no module means the one that holds it."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in inner)


def circle_from(module: str, known: Mapping[str, set[str]], clear: set[str], above: tuple[str, ...]) -> tuple[str, ...]:
    """The first circle found by following imports from `module`, or nothing; what leads to none is added to `clear`."""
    if module in above:
        return (*above[above.index(module) :], module)
    if module in clear:
        return ()
    for imported in sorted(known[module] - {module}):
        if circle := circle_from(imported, known, clear, (*above, module)):
            return circle
    clear.add(module)
    return ()


def test_no_layer_imports_what_another_one_wraps() -> None:
    assert not {
        name_of(path): wrapped
        for path in FILES
        if (wrapped := {module.split(".")[0] for module in imports(path)} & NEVER.get(part_of(path), set()))
    }


def users(names: set[tuple[str, str]], but: Mapping[str, str]) -> dict[str, set[tuple[str, str]]]:
    """The files that use any of these `name.attribute`, except those in `but`."""
    found = {name_of(path): names & set(attributes(path)) for path in FILES if name_of(path) not in but}
    return {name: used for name, used in found.items() if used}


def test_only_settings_reads_the_environment() -> None:
    assert not users({("os", "environ"), ("os", "environb"), ("os", "getenv")}, MAY_READ_ENVIRONMENT)


def test_only_the_clock_reads_clocks() -> None:
    assert not users(CLOCKS, MAY_READ_CLOCKS)


def test_nothing_prints_below_the_command_line() -> None:
    below = [path for path in FILES if part_of(path) not in ("cli", "__main__")]
    assert not [
        name_of(path)
        for path in below
        if any(isinstance(node, ast.Name) and node.id == "print" for node in nodes(path))
    ]
    quiet = {name_of(path) for path in below if part_of(path) not in ("engine", "demo")}
    assert not users({("sys", "stdout"), ("sys", "stderr")}, MAY_WRITE_TO_STREAMS).keys() & quiet


def test_files_stay_short() -> None:
    long = {name_of(path): lines for path in FILES if (lines := len(path.read_text().splitlines())) > 300}
    assert not long, "split them by noun"
