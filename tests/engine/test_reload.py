"""New processes over the same catalog, or over another one."""

from __future__ import annotations

from typing import Any

from jobctl.engine.process.config import ChildConfig
from jobctl.engine.process.preflight import Findings
from jobctl.engine.supervisor.reload import Reload


class Ready:
    """A crew that is ready at once; also a plan, and a trial that has found a function to run beside the processes."""

    ready = True
    crashes = 0
    findings = Findings((), forks=("shop:serve_metrics",))

    def __init__(self, child: ChildConfig) -> None:
        self._child = child

    def fill(self) -> None: ...
    def close(self) -> None: ...
    def adopt(self, _child: ChildConfig) -> None: ...

    def reload(self) -> ChildConfig:
        return self._child

    def try_out(self, _child: ChildConfig) -> Ready:
        return self


def test_a_resize_says_nothing_of_the_functions_that_run_beside_the_processes_and_so_ends_none() -> None:
    child = ChildConfig(name="w", catalog_path="jobs.yaml", redis_url="redis://nowhere", threads=1)
    crew: Any = Ready(child)
    reload = Reload(crew, lambda _child: crew, child)
    reload.resize({"threads": 2}, child)
    done = reload.step()
    assert done is not None
    assert (done.child.threads, done.findings) == (2, None)
    reload.begin()
    done = reload.step()
    assert done is not None
    assert done.findings is crew.findings
    reload.resize({"threads": 3}, done.child)
    done = reload.step()
    assert done is not None
    assert done.findings is None
