"""The pages of `jobctl web`: what they show, what they escape, what is agreed to before a change."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from jobctl import clock
from jobctl.engine.server.embedded import EmbeddedServer
from jobctl.errors import UsageError
from jobctl.faces.web import installed
from jobctl.store import Store
from jobctl.store.data.records import Event
from jobctl.store.nouns.pauses import Pause
from jobctl.store.wire.connection import connect
from tests.commands import made
from tests.faces.visitor import Site, serving
from tests.support import Cli, eventually

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[31m\u202e</title></svg>{{ 7*7 }}"


@pytest.fixture
def site(lab: Cli, store: Store) -> Iterator[Site]:
    with serving(lab, "--allow-changes") as running:
        yield running


def event(store: Store, job_id: str, **also: str) -> None:
    now = clock.to_datetime(clock.now_ms())
    store.events.add(Event(at=now, event="dead", id=job_id, type="greet", queue="default", **also))


def seen(site: Site, path: str, *words: str) -> str:
    """The page, once it has all of these words."""

    def found() -> str:
        answer = site.ask(path)
        assert answer.status == 200, answer.text
        assert all(word in answer.text for word in words), answer.text
        return answer.text

    return eventually(found)


def test_every_page_is_read_without_a_script(site: Site, store: Store) -> None:
    [dead, _] = made.dead(store, 2, job_type="greet", message="no such name", traceback="Traceback: line 7")
    made.waiting(store, 3, queue="email", job_type="mail")
    event(store, dead)
    site.enter("look")
    [group] = store.dead.groups("default")
    seen(site, "/", "email", "ValueError: no such name", "What needs attention")
    seen(site, "/queues", "default", "email", "<svg")
    seen(site, "/queues/email", "mail", "3</b> waiting")
    seen(site, "/jobs", dead, "no such name")
    seen(site, "/jobs?state=waiting&filter=queue%3Aemail", "mail")
    seen(site, f"/jobs/default/{dead}", "line 7", "attempt 1: failed", '"n": 0')
    seen(site, "/groups", group.group)
    seen(site, f"/groups/default/{group.group}", "Trend", dead)
    seen(site, "/events", dead)
    for path in ("/schedules", "/limits", "/workers", "/audit"):
        seen(site, path, "<h1>")


def test_what_is_not_there_is_said(site: Site) -> None:
    site.enter("look")
    for path in ("/queues/nothing", "/jobs/default/1m80w17s0w7jd106qwm2", "/groups/default/abcdef12", "/schedules/x"):
        answer = site.ask(path)
        assert (answer.status, "<h1>That did not work" in answer.text) == (404, True), path
    assert site.ask("/nothing").status == 404
    for rubbish in ("rubbish", "nan%20a%20b", "1e400%20a%20b"):
        assert site.ask(f"/jobs?after={rubbish}").status == 400


def test_a_filter_that_cannot_be_read_is_marked(site: Site) -> None:
    site.enter("look")
    answer = site.ask("/jobs?filter=queue%3Aemail+(state%3Adead")
    assert answer.status == 400
    assert "<pre>queue:email (state:dead\n            ^" in answer.text


def test_what_jobs_say_is_escaped_everywhere(site: Site, store: Store) -> None:
    [job_id] = made.dead(
        store, 1, job_type="greet", error=EVIL, message=EVIL, traceback=EVIL, label=EVIL, payload={EVIL: EVIL}
    )
    event(store, job_id, label=EVIL, error=EVIL, message=EVIL)
    store.pauses.pause("default", Pause(0, EVIL, "me", closed=False))
    [group] = store.dead.groups("default")
    site.enter("change")
    paths = ("/", "/queues/default", "/jobs", f"/jobs/default/{job_id}", "/groups", f"/groups/default/{group.group}")
    for path in (*paths, "/events", "/audit", "/jobs?filter=label~%3Cscript%3E", "/queues/%3Cscript%3E"):
        page = site.ask(path).text
        assert "<script>alert" not in page, path
        assert "<script>" not in page, path
        assert "<img" not in page, path
        assert "\x1b" not in page, path
        assert "\u202e" not in page, path
        assert "49" not in re.sub(r"[0-9a-f]{8,}|\d{3,}|[\d:.-]+Z", "", page) or "{{ 7*7 }}" in page, path
    shape = re.search(r"<svg class=\"timeline\".*?</svg>", site.ask(f"/jobs/default/{job_id}").text, re.DOTALL)
    assert shape
    assert shape[0].count("</svg>") == 1
    assert "&lt;script&gt;" in shape[0]


def test_pages_of_jobs_show_each_once(site: Site, store: Store) -> None:
    ids = {*made.dead(store, 70, job_type="greet"), *made.dead(store, 61, queue="email", job_type="mail")}
    site.enter("look")
    found: list[str] = []
    path: str | None = "/jobs?state=dead"
    pages = 0
    while path:
        page = seen(site, path, "<table>")
        found += re.findall(r'<tr><td><a href="/jobs/[a-z]+/([0-9a-z]+)">', page)
        link = re.search(r'rel="next" href="([^"]+)"', page)
        path, pages = (link[1].replace("&amp;", "&") if link else None), pages + 1
    assert len(found) == len(set(found)) == 131
    assert set(found) == ids
    assert pages == 3


def test_a_group_is_retried_after_a_yes(site: Site, store: Store) -> None:
    ids = made.dead(store, 3, job_type="greet")
    [group] = store.dead.groups("default")
    site.enter("change")
    fields = {"verb": "retry dead", "words": f"group:{group.group}", "queue": "default"}
    asked = site.send("/change", fields)
    assert "Retry 3 dead letters?" in asked.text
    assert made.states(store, ids) == ["dead"] * 3
    assert "nothing was changed" in site.send("/change", {**fields, "planned": "3", "answer": "no"}).text
    more = site.send("/change", {**fields, "planned": "2", "answer": "yes"})
    assert (more.status, "2 were agreed to" in more.text) == (403, True)
    assert made.states(store, ids) == ["dead"] * 3
    assert "retried 3 dead letters" in site.send("/change", {**fields, "planned": "3", "answer": "yes"}).text
    assert made.states(store, ids) == ["waiting"] * 3
    assert store.audit.recent(1)[0].command.startswith("jobctl web")


def test_a_filter_selects_what_is_changed(site: Site, store: Store) -> None:
    ids = made.waiting(store, 3, job_type="greet")
    others = made.waiting(store, 2, queue="email", job_type="mail")
    site.enter("change")
    assert "All waiting jobs that match" in site.ask("/jobs?state=waiting&filter=job%3Agreet").text
    fields = {"verb": "cancel", "words": "(job:greet) state:waiting", "planned": "3", "answer": "yes"}
    assert "cancelled 3 jobs" in site.send("/change", fields).text
    assert made.states(store, [*ids, *others]) == ["cancelled"] * 3 + ["waiting"] * 2
    for words in ("", "nonsense:", "state:completed"):
        assert site.send("/change", {"verb": "cancel", "words": words}).status in (400, 404), words
    assert site.send("/change", {"verb": "rm -rf", "words": ids[0]}).status == 400


def test_a_queue_is_paused_with_a_reason_and_resumed(site: Site, store: Store) -> None:
    made.waiting(store, 1)
    site.enter("change")
    assert site.send("/change", {"verb": "pause", "queue": "default", "reason": "bad deploy"}).status == 200
    assert store.pauses.now()["default"].reason == "bad deploy"
    seen(site, "/queues/default", "bad deploy")
    site.send("/change", {"verb": "resume", "queue": "default"})
    assert not store.pauses.now()
    assert site.send("/change", {"verb": "pause", "queue": "nothing"}).status == 404


def test_a_profile_decides_what_may_be_changed(lab: Cli, store: Store, redis_url: str) -> None:
    folder = lab.cwd / ".config" / "jobctl"
    folder.mkdir(parents=True)
    (folder / "profiles.yaml").write_text(
        f"profiles:\n  look: {{redis_url: '{redis_url}', read_only: true}}\n"
        f"  live: {{redis_url: '{redis_url}', production: true}}\n"
    )
    ran = lab("web", "--profile", "look", "--allow-changes", "--port", "0")
    assert (ran.code, "read-only" in ran.err) == (5, True), ran.err
    ids = made.waiting(store, 2, job_type="greet")
    with serving(lab, "--profile", "live", "--allow-changes") as site:
        site.enter("change")
        fields = {"verb": "cancel", "words": "job:greet"}
        assert "Type <b>live</b> to continue" in site.send("/change", fields).text
        assert "nothing was changed" in site.send("/change", {**fields, "planned": "2", "answer": "yes"}).text
        assert made.states(store, ids) == ["waiting"] * 2
        assert "cancelled 2 jobs" in site.send("/change", {**fields, "planned": "2", "answer": "live"}).text


def test_redis_away_is_said_and_it_comes_back(lab: Cli, tmp_path: Path) -> None:
    state = tmp_path / "redis"
    with EmbeddedServer(state) as server:
        url = server.url
        made.waiting(Store(connect(url), "lab"), 3, job_type="greet")
    lab.env["JOBCTL_REDIS_URL"] = url
    with serving(lab) as site:
        site.enter("look")
        seen(site, "/", "Redis is away")
        assert site.ask("/audit").status == 503
        with EmbeddedServer(state):
            page = seen(site, "/", "3</b> waiting")
            assert "Redis is away" not in page
        seen(site, "/", "Redis is away", "3</b> waiting")


def test_updates_are_told_to_all_from_one_look_and_nothing_is_read_when_nobody_looks(
    site: Site, store: Store, redis_client: redis.Redis
) -> None:
    def commands() -> int:
        return int(redis_client.info("commandstats").get("cmdstat_evalsha", {}).get("calls", 0))

    made.waiting(store, 1)
    site.enter("look")
    viewers = [http.client.HTTPConnection("127.0.0.1", site.port, timeout=60) for _ in range(10)]
    for viewer in viewers:
        viewer.request("GET", "/live", headers={"Cookie": site.cookie})
    streams = [viewer.getresponse() for viewer in viewers]
    assert all(stream.getheader("content-type", "").startswith("text/event-stream") for stream in streams)
    before = commands()
    for stream in streams:
        lines = [stream.readline() for _ in range(6)]
        assert b"data: new\n" in lines
    assert commands() - before <= 10  # not ten times as many
    for viewer, stream in zip(viewers, streams, strict=True):
        stream.close()
        viewer.close()

    def idle() -> bool:
        now = commands()
        return not eventually(lambda: clock.now_ms() > began + 5_000) or commands() == now

    began = clock.now_ms()
    eventually(idle)


def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed, "NEEDED", ("starlette", "no_such_library"))
    with pytest.raises(UsageError, match="web needs no_such_library") as raised:
        installed.require()
    assert raised.value.hint == "pip install 'jobctl[web]'"
