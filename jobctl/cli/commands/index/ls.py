"""`jobctl index ls`."""

from __future__ import annotations

from jobctl.cli.commands.index._shared import COLUMNS
from jobctl.cli.context import Context
from jobctl.cli.parse.options import command


@command
def ls(ctx: Context) -> None:
    """List the indexes of payload values, and whether each is complete.

    Only a complete index serves filters. `incomplete`: there may be jobs that it does not have; `none`: nothing was
    indexed yet; `stale`: the catalog does not have it any more; `no key`: its values are redacted, and the secret
    key that it is made with is not here (JOBCTL_INDEX_KEY_FILE).

    Example: jobctl index ls
    """
    from jobctl.ops import indexes

    ctx.emit(indexes.ls(ctx.store(), ctx.catalog_for_a_look()), COLUMNS, empty="no job type has an `index`")
