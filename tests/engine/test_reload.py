"""A reload of a worker, without processes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import msgspec

from jobctl.engine.process.config import ChildConfig
from jobctl.engine.supervisor.reload import Reload

CHILD = ChildConfig(name="w", catalog_path="jobs.yaml", redis_url="redis://nowhere", threads=2)


class Plan:
    def reload(self) -> ChildConfig:
        return CHILD

    def try_out(self, child: ChildConfig) -> Any:
        return SimpleNamespace(findings=None, close=lambda: None)

    def adopt(self, _child: ChildConfig) -> None:
        pass


def test_a_size_with_which_no_process_starts_is_not_that_of_later_reloads() -> None:
    starts: dict[int, bool] = {4: True, 900: False}

    def start(child: ChildConfig) -> Any:
        works = starts[child.threads]
        return SimpleNamespace(ready=works, crashes=0 if works else 1, fill=lambda: None)

    reload = Reload(Plan(), start, CHILD)
    for threads, taken in ((4, True), (900, False)):
        reload.resize({"threads": threads}, CHILD)
        done = reload.step()
        assert done is not None
        assert done.taken is taken
    reload.begin()
    assert reload._child == msgspec.structs.replace(CHILD, threads=4)
