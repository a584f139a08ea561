"""The command tree as a table: no command's module is imported until it is invoked.

To add a command: one file in `cli/commands/` (`commands/NOUN/VERB.py` in a group) with a function of the command's
name, one `Entry` here, one test. An entry's help is the first line of its function's docstring; a test holds the two
together.
"""

from __future__ import annotations

from dataclasses import dataclass

START = "Start"
LOOK = "Look"
RUN = "Run"
REPAIR = "Repair"
SET_UP = "Set up"
PANELS = (START, RUN, LOOK, REPAIR, SET_UP)
"""The sections of `jobctl --help`, in this order."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: the function `name` of the module `name`, in jobctl.cli.commands or in its group's folder there."""

    name: str
    help: str
    panel: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """A noun with its verbs: `jobctl job show`. Only the group has a panel. `example` is for its help; `default` is the
    verb of a call that names none."""

    name: str
    help: str
    panel: str
    example: str
    commands: tuple[Entry, ...]
    default: str = ""


COMMANDS: tuple[Entry | Group, ...] = (
    Entry("init", "Write a first catalog and its tasks into this folder.", START),
    Entry("validate", "Check a catalog and report every problem in it.", START),
    Entry("demo", "Show all of jobctl at work in a temporary folder, in under a minute.", START),
    Entry("up", "Run server, workers and scheduler together in the foreground.", START),
    Group(
        "worker",
        "Run worker processes, and quiet, resize or stop running ones from anywhere.",
        RUN,
        "jobctl worker --queues email,default --grace 30s",
        (
            Entry("run", "Run worker processes that serve the catalog's queues."),
            Entry("quiet", "Let running workers take no more jobs; what they run goes on."),
            Entry("resume", "Let workers that were told to be quiet take jobs again."),
            Entry(
                "resize",
                "Change how many jobs a running worker's processes run at once, on threads and on the event loop.",
            ),
            Entry("stop", "Let running workers finish what they run, and end."),
        ),
        default="run",
    ),
    Entry("scheduler", "Enqueue the jobs of the catalog's schedules as they fall due.", RUN),
    Entry("enqueue", "Enqueue a job, or one for each line of a file, and print its id.", RUN),
    Entry("run", "Run a job in the foreground, without a queue or Redis.", RUN),
    Entry("progress", "Report a command job's progress from inside the job.", RUN),
    Entry("log", "Add lines to a job's log from inside a command job.", RUN),
    Group(
        "job",
        "Show, wait for, cancel and retry jobs.",
        LOOK,
        "jobctl job ls state:running",
        (
            Entry("show", "Show everything known about a job."),
            Entry("ls", "List jobs, the newest first."),
            Entry("logs", "Print what a job wrote while it ran."),
            Entry("wait", "Wait until jobs have ended."),
            Entry("result", "Print what a job returned, as JSON."),
            Entry("cancel", "Cancel jobs."),
            Entry("retry", "Run dead or cancelled jobs again, and delayed ones now."),
            Entry("promote", "Run delayed and retrying jobs now."),
            Entry("priority", "Change the priority of jobs that have not started."),
            Entry("release", "Free the unique keys that jobs hold."),
            Entry("rm", "Delete completed and cancelled jobs for good."),
        ),
    ),
    Entry("tail", "Show job events as they happen.", LOOK),
    Group(
        "queue",
        "Show, pause, resume and empty queues.",
        LOOK,
        "jobctl queue ls",
        (
            Entry("ls", "List queues with the number of jobs in each state."),
            Entry("show", "Show one queue: depth, rates, pause, job types, errors, who serves it."),
            Entry(
                "pause",
                "Stop starting jobs of a queue, a job type, or everything; running jobs continue.",
            ),
            Entry(
                "resume",
                "End pauses of queues, job types, or everything.",
            ),
            Entry(
                "empty",
                "Move all jobs of a queue that are not running to the trash for 7 days.",
            ),
        ),
    ),
    Group(
        "limit",
        "Show and change rate and concurrency limits.",
        LOOK,
        "jobctl limit ls",
        (
            Entry("ls", "Show each limit: what it allows, how much is used, how many jobs wait."),
            Entry(
                "set",
                "Change a limit at once for all workers, permanently or for a time.",
            ),
            Entry(
                "reset",
                "Restore a limit to the catalog's value, and reset its usage.",
            ),
        ),
    ),
    Group(
        "schedule",
        "Show, pause, run and backfill schedules.",
        LOOK,
        "jobctl schedule ls",
        (
            Entry("ls", "List schedules: when each is due, what became of its last tick, its policy, its pause."),
            Entry("next", "Show when schedules are due next, in their own zone and in UTC."),
            Entry(
                "history",
                "Show what became of the ticks of schedules, the latest first: enqueued, missed or skipped, and why.",
            ),
            Entry(
                "calendar",
                "Draw the coming day: when each schedule is due, how long its jobs usually take, where they pile up.",
            ),
            Entry(
                "check", "Exit with 1 if a tick is later than its schedule's `tolerance`, or if no scheduler is alive."
            ),
            Entry("run", "Enqueue a schedule's job now, whatever its history says, and print the job's id."),
            Entry(
                "backfill",
                "Enqueue the ticks between two times that have no job: missed, skipped, paused, or before there was a "
                "scheduler.",
            ),
            Entry("pause", "Let a schedule's ticks pass without a job; each is noted as paused in its history."),
            Entry("resume", "End the pause of schedules: their next ticks are enqueued again."),
            Entry("import", "Print a crontab as a catalog: a `command` job and a schedule for each line."),
            Entry("set", "Change when a schedule is due, without a deploy, permanently or for a time."),
        ),
    ),
    Entry("triage", "Show what is wrong now, the most urgent first, and the command to type next.", LOOK),
    Entry(
        "top", "Watch queues, jobs, errors, workers and schedules on one screen; retry, cancel and pause by key.", LOOK
    ),
    Entry("web", "Serve pages with queues, jobs, errors, workers, schedules and limits, for browsers.", LOOK),
    Entry("stats", "Show throughput, failures, and how long jobs waited and ran.", LOOK),
    Entry("check", "Check queues against limits, in one line: for cron, Kubernetes, Nagios.", LOOK),
    Group(
        "alert",
        "List, test and mute alerts.",
        LOOK,
        "jobctl alert ls",
        (
            Entry("ls", "List the alerts of the catalog: the state of each, since when, what was found, who was told."),
            Entry("test", "Send one notice of an alert now, from here, marked as a test; say whether it got through."),
            Entry("mute", "Tell nobody of an alert, for a time or until `--off`; its state still moves."),
        ),
    ),
    Entry(
        "metrics", "Print metrics for Prometheus, or serve them: jobs, times, queues, slots, schedules, Redis.", LOOK
    ),
    Group(
        "index",
        "List, build and drop indexes of payload values.",
        LOOK,
        "jobctl index ls",
        (
            Entry("ls", "List the indexes of payload values, and whether each is complete."),
            Entry("build", "Index the jobs of a type that are there already; its indexes then serve filters."),
            Entry("drop", "Delete the indexes of a job type, to free their memory; jobs are not touched."),
        ),
    ),
    Entry("audit", "Show who changed what by hand, when, how and why.", LOOK),
    Entry("doctor", "Check this deployment for problems, and say how to fix them.", LOOK),
    Entry("ps", "Show the live workers and schedulers.", LOOK),
    Group(
        "dead",
        "Show, retry, discard and restore dead letters.",
        REPAIR,
        "jobctl dead groups",
        (
            Entry("ls", "List dead letters, the latest first."),
            Entry("groups", "Show why jobs died: dead letters grouped by their error."),
            Entry("show", "Show dead letters in full, or what those of an error group have in common."),
            Entry("note", "Note what is known about an error group, for others to see."),
            Entry("mute", "Leave a known error group out of the table of `dead groups` until it grows."),
            Entry("retry", "Run dead letters again, under the same ids with fresh retries."),
            Entry("discard", "Move dead letters to the trash for 7 days."),
            Entry("restore", "Restore discarded dead letters and the jobs of emptied queues."),
        ),
    ),
    Group(
        "op",
        "Show, pause, resume and abort changes of jobs, and apply planned ones.",
        REPAIR,
        "jobctl op ls",
        (
            Entry(
                "ls", "List changes of jobs, the latest first: what each was to do, how far it has come, who made it."
            ),
            Entry("show", "Show a change of jobs: what it was to do, to which jobs, and what became of it."),
            Entry("apply", "Change exactly the jobs of a plan, and no others."),
            Entry(
                "undo",
                "Take back a discard, an emptied queue, a cancel of waiting jobs, or a retry of jobs that have not run "
                "since.",
            ),
            Entry("pause", "Pause a change that workers and schedulers carry on."),
            Entry("resume", "Go on with a change that was paused, or that stopped since too many jobs failed again."),
            Entry("abort", "End a change that workers and schedulers carry on, for good."),
        ),
    ),
    Group(
        "profile",
        "Manage profiles: named deployments with their Redis and namespace.",
        SET_UP,
        "jobctl profile use staging",
        (
            Entry("ls", "List the profiles."),
            Entry("use", "Choose the profile for later commands."),
            Entry("show", "Show the settings in effect, or a profile's own."),
        ),
    ),
    Group(
        "completion",
        "Completion of commands, job types and queues in your shell.",
        SET_UP,
        "jobctl completion install",
        (
            Entry("install", "Install completion for your shell."),
            Entry("show", "Print the completion script of a shell."),
        ),
    ),
    Group(
        "deploy",
        "Write what runs jobctl elsewhere: a compose file, Kubernetes manifests, systemd units.",
        SET_UP,
        "jobctl deploy compose",
        (
            Entry("compose", "Write an image recipe and a compose file: Valkey, workers, schedulers, pages, metrics."),
            Entry("k8s", "Write an image recipe and Kubernetes manifests with probes, and a KEDA ScaledObject."),
            Entry("systemd", "Write systemd units for this machine's worker and scheduler."),
        ),
    ),
    Entry("migrate", "Convert the data of an older version in Redis to this version's layout.", SET_UP),
    Entry("version", "Print the version.", SET_UP),
)
