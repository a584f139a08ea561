"""The columns in which a change of jobs is shown, before it is made and afterwards."""

from jobctl.cli.view.table import NAME, Column

PARTS = (
    Column("COUNT", "count", right=True),
    Column("STATE", "state", importance=6),
    Column("TYPE", "type", importance=8, least=NAME),
    Column("ERROR", "error", importance=7, least=NAME),
    Column("QUEUE", "queue", importance=5, least=NAME),
    Column("GROUP", "group", importance=4),
)
