"""docs/machine-format.md says exactly what the records hold."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from jobctl.ops.alerts.look import AlertRow
from jobctl.ops.common import GroupDetail, Trait
from jobctl.ops.counting import Count
from jobctl.ops.doctor.check import Check
from jobctl.ops.doctor.checklist import ChecklistLine
from jobctl.ops.filters.explain import Explained
from jobctl.ops.groups import GroupRow
from jobctl.ops.indexes import IndexRow
from jobctl.ops.metrics import MetricRow
from jobctl.ops.schedules import look
from jobctl.ops.schedules.check import Punctuality
from jobctl.ops.schedules.fill import Filled
from jobctl.ops.stats import StatsRow
from jobctl.ops.vitals import Vital
from jobctl.store.data import plans, records
from jobctl.store.nouns import logs
from jobctl.store.nouns.audit import AuditEntry
from jobctl.store.nouns.operations import OperationRow

DOCUMENT = Path(__file__).parent.parent / "docs" / "machine-format.md"
RECORDS = {
    "Job": records.Job,
    "Hold": records.Hold,
    "Touch": records.Touch,
    "Progress": records.Progress,
    "Enqueued": records.EnqueuedJob,
    "Attempt": records.AttemptRecord,
    "Log line": logs.LogLine,
    "Queue": records.QueueRow,
    "Queue in full": records.QueueDetail,
    "Pause": records.PauseRow,
    "Dead letter": records.DeadLetter,
    "Error group": records.DeadGroup,
    "Explained group": GroupRow,
    "Group in full": GroupDetail,
    "Trait": Trait,
    "Bulk result": records.BulkResult,
    "Plan": plans.Plan,
    "Part of a plan": plans.PlanRow,
    "Sample": plans.Sample,
    "Operation": OperationRow,
    "Audit entry": AuditEntry,
    "Index": IndexRow,
    "Count": Count,
    "Explained filter": Explained,
    "Limit": records.LimitRow,
    "Key of a limit": records.LimitKeyRow,
    "Event": records.Event,
    "Process": records.ProcessRow,
    "Schedule": look.ScheduleRow,
    "Past tick": look.PastTick,
    "Filled tick": Filled,
    "Next tick": look.NextTick,
    "Punctuality": Punctuality,
    "Statistics": StatsRow,
    "Vital": Vital,
    "Alert": AlertRow,
    "Check": Check,
    "Checklist line": ChecklistLine,
    "Metric": MetricRow,
}


def documented() -> dict[str, list[str]]:
    """The fields of each section of the document, in order."""
    sections = re.split(r"^## ", DOCUMENT.read_text(), flags=re.MULTILINE)[1:]
    return {text.split("\n", 1)[0]: re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) for text in sections}


def fields(record: type[msgspec.Struct]) -> list[str]:
    return [field.encode_name for field in msgspec.structs.fields(record)]


@pytest.mark.parametrize("section", RECORDS)
def test_documented_fields_are_the_records_fields(section: str) -> None:
    """A record that extends another has the fields of that first; its section links to the other and lists the rest."""
    record, names = RECORDS[section], documented()
    bases = [name for name, other in RECORDS.items() if other in record.__mro__[1:]]
    assert [field for name in [*bases, section] for field in names[name]] == fields(record)
    text = DOCUMENT.read_text().split(f"\n## {section}\n")[1].split("\n## ")[0]
    for base in (name for name, other in RECORDS.items() if other in record.__bases__):
        link = f"[{base.lower()}](#{base.lower().replace(' ', '-')}), then"
        assert f"the fields of a {link}" in text or f"the fields of an {link}" in text


def test_every_section_is_a_known_record() -> None:
    assert list(documented()) == list(RECORDS)
