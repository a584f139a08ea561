"""A supervisor over the real store, for as long as there is no command for it: CATALOG PROCESSES THREADS GRACE_S."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from jobctl.catalog.load import load
from jobctl.engine import logs
from jobctl.engine.config import ChildConfig, SupervisorOptions
from jobctl.engine.liveness import StoreLiveness
from jobctl.engine.supervisor import Supervisor
from jobctl.store import Store
from jobctl.store.connection import connect


def main() -> int:
    path, processes, threads, grace = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    logs.setup("json", "INFO")
    catalog, url = load(Path(path)), os.environ["JOBCTL_REDIS_URL"]
    child = ChildConfig(
        name="", catalog_path=path, redis_url=url, threads=threads, grace_s=grace, log_format="json",
        namespace=catalog.namespace,
    )  # fmt: skip
    store = Store(connect(url, timeout_s=1.0), catalog.namespace)
    queues = tuple(sorted({job.queue for job in catalog.jobs.values()}))
    options = SupervisorOptions(processes=processes, queues=queues)
    return Supervisor(options, child, StoreLiveness(store), lambda: queues).run()


if __name__ == "__main__":
    sys.exit(main())
