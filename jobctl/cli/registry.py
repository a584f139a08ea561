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
    """A noun with its verbs: `jobctl job show`. Only the group has a panel."""

    name: str
    help: str
    panel: str
    commands: tuple[Entry, ...]


COMMANDS: tuple[Entry | Group, ...] = (
    Entry("init", "Write a first catalog and its tasks into this folder.", START),
    Entry("validate", "Check a catalog and report every problem in it.", START),
    Entry("demo", "Show all of jobctl at work, in a folder of its own, in under a minute.", START),
    Entry("up", "Run everything here and now: server, workers and scheduler.", START),
    Entry("worker", "Run worker processes that serve the catalog's queues.", RUN),
    Entry("scheduler", "Enqueue the jobs of the catalog's schedules as they fall due.", RUN),
    Entry("enqueue", "Enqueue a job, or one for each line of a file, and print its id.", RUN),
    Entry("run", "Run a job here and now, without a queue or Redis.", RUN),
    Entry("progress", "Say from inside a command job how far it is.", RUN),
    Entry("log", "Add lines to a job's log from inside a command job.", RUN),
    Group(
        "job",
        "One job, or some: look, wait, cancel, retry.",
        LOOK,
        (
            Entry("show", "Show everything that is known of a job."),
            Entry("ls", "List jobs, the newest first."),
            Entry("logs", "Print what a job wrote while it ran."),
            Entry("wait", "Wait until jobs have ended."),
            Entry("result", "Print what a job returned, as JSON."),
            Entry("cancel", "Cancel jobs."),
            Entry("retry", "Run dead or cancelled jobs again, delayed ones now."),
            Entry("promote", "Let delayed and retrying jobs run now."),
            Entry("priority", "Change the priority of jobs that have not started."),
            Entry("release", "Free the unique keys that jobs hold."),
            Entry("rm", "Delete completed and cancelled jobs for good."),
        ),
    ),
    Entry("tail", "Show what happens to jobs, as it happens.", LOOK),
    Group(
        "queue",
        "How deep queues are; pause, resume, empty them.",
        LOOK,
        (
            Entry("ls", "Show how deep the queues are."),
            Entry("show", "Show one queue: depth, rates, pause, job types, errors, who serves it."),
            Entry(
                "pause",
                "Stop handing out jobs of queues, of job types, or of everything; running ones go on.",
            ),
            Entry(
                "resume",
                "Hand out jobs of what was paused again: queues, job types, or everything.",
            ),
            Entry(
                "empty",
                "Move all jobs of a queue that do not run to the trash, where they stay for 7 days.",
            ),
        ),
    ),
    Group(
        "limit",
        "Rate limits and concurrency: how much is used, who waits; changed live.",
        LOOK,
        (
            Entry("ls", "Show the limits: what each allows, how much is used, who waits."),
            Entry(
                "set",
                "Change what a limit allows, at once and for all workers; with --for or --until, for a time.",
            ),
            Entry(
                "reset",
                "Forget what was set by hand for a limit, and what is used of it: the catalog's counts, from zero.",
            ),
        ),
    ),
    Entry("doctor", "Find what breaks jobctl's promises here, and say what to do.", LOOK),
    Entry("ps", "Show the live workers and schedulers.", LOOK),
    Group(
        "dead",
        "Dead letters: why jobs died, retry, discard, restore.",
        REPAIR,
        (
            Entry("ls", "List dead letters, the latest first."),
            Entry("groups", "Show why jobs died: dead letters grouped by their error."),
            Entry("show", "Show dead letters in full: payload, every attempt, the traceback."),
            Entry("retry", "Run dead letters again, under their ids and with fresh retries."),
            Entry("discard", "Move dead letters to the trash, where they stay for 7 days."),
            Entry("restore", "Bring back what was discarded, and the jobs of emptied queues."),
        ),
    ),
    Group(
        "profile",
        "Named deployments: which Redis, which namespace, how careful.",
        SET_UP,
        (
            Entry("ls", "List the profiles."),
            Entry("use", "Make a profile the one that later commands work with."),
            Entry("show", "Show the settings that are in force, and a profile's own."),
        ),
    ),
    Group(
        "completion",
        "Completion of commands, job types and queues in your shell.",
        SET_UP,
        (
            Entry("install", "Install completion for your shell."),
            Entry("show", "Print the completion script of a shell."),
        ),
    ),
    Entry("migrate", "Bring what an older version keeps in Redis to this version's layout.", SET_UP),
    Entry("version", "Print the version.", SET_UP),
)
