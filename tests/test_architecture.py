"""The arrows of the design: who may import whom, who may read clocks and the environment, who may print."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

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
    ("flow", "producer"),
    ("engine",),
    ("ops",),
    ("client", "broker", "__init__", "demo"),
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
    "cli": {"redis", "dramatiq", "apscheduler"},
    "client": {"typer", "rich", "apscheduler"},
}

MAY_READ_ENVIRONMENT = {"settings.py": "it is the one reader"}
MAY_READ_CLOCKS = {"clock.py": "it is the one source"}
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


def imports(tree: ast.AST) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module == "jobctl":
                yield from (f"jobctl.{alias.name}" for alias in node.names)
            else:
                yield node.module


def attributes(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Every `name.attribute`, and every `from name import attribute`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield node.value.id, node.attr
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@pytest.fixture(params=FILES, ids=name_of)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_imports_run_one_way(path: Path) -> None:
    own = layer_of(part_of(path))
    assert own is not None, f"{name_of(path)} stands in no layer: add it to LAYERS"
    for module in imports(parsed(path)):
        if module.startswith("jobctl."):
            other = layer_of(module.split(".")[1])
            # `from jobctl import __version__` names no layer
            assert other is None or other <= own, f"{name_of(path)} imports {module}, which stands above it"


def test_rooms_import_one_way(path: Path) -> None:
    part, *inner = path.relative_to(ROOT).with_suffix("").parts
    order = ROOMS.get(part, ())
    if not order or inner == ["__init__"]:
        return
    assert inner[0] in order, f"{name_of(path)} stands in no room: add it to ROOMS"
    for module in imports(parsed(path)):
        _, other, room, *_ = [*module.split("."), "", ""]
        if other == part and room in order:
            assert order.index(room) <= order.index(inner[0]), f"{name_of(path)} imports {module}, a room above its own"


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
    for node in ast.walk(parsed(path)):
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


def test_no_layer_imports_what_another_one_wraps(path: Path) -> None:
    roots = {module.split(".")[0] for module in imports(parsed(path))}
    assert not roots & NEVER.get(part_of(path), set())


def test_only_settings_reads_the_environment(path: Path) -> None:
    if name_of(path) in MAY_READ_ENVIRONMENT:
        return
    found = {("os", "environ"), ("os", "environb"), ("os", "getenv")} & set(attributes(parsed(path)))
    assert not found, f"{name_of(path)} reads the environment"


def test_only_the_clock_reads_clocks(path: Path) -> None:
    if name_of(path) in MAY_READ_CLOCKS:
        return
    found = CLOCKS & set(attributes(parsed(path)))
    assert not found, f"{name_of(path)} reads a clock: {found}"


def test_nothing_prints_below_the_command_line(path: Path) -> None:
    if part_of(path) in ("cli", "__main__"):
        return
    tree = parsed(path)
    printed = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "print"]
    streams = {("sys", "stdout"), ("sys", "stderr")} & set(attributes(tree))
    if part_of(path) in ("engine", "demo") or name_of(path) in (
        "ops/run.py",
        "handlers/inside.py",
        "handlers/forks.py",
    ):
        streams = set()  # a worker logs to its stderr; the others care for what a job prints
    assert not printed, f"{name_of(path)} prints"
    assert not streams, f"{name_of(path)} writes to a standard stream"


def test_files_stay_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300, f"{name_of(path)} is longer than 300 lines: split it by noun"
