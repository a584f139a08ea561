"""Who is let in by `jobctl web`, and who is not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jobctl.store import Store
from tests.commands import made
from tests.faces.visitor import FROM_HERE, Site, serving
from tests.support import Cli

PAGES = ("/", "/queues", "/jobs", "/groups", "/schedules", "/limits", "/workers", "/events", "/audit", "/live")


@pytest.fixture
def site(lab: Cli, store: Store) -> Iterator[Site]:
    with serving(lab, "--allow-changes") as running:
        yield running


def test_without_a_token_nothing_is_shown(site: Site) -> None:
    for page in PAGES:
        answer = site.ask(page)
        assert answer.status == 401, page
        assert "default" not in answer.text
    assert site.ask("/change", method="POST", body="verb=retry", **FROM_HERE).status == 401
    assert site.ask("/login").status == 200
    assert site.ask("/login?token=wrong").status == 403
    assert site.ask("/static/app.css").status == 200
    assert site.ask("/static/../serve.py").status in (401, 404)


def test_a_session_that_was_forged_or_is_over_opens_nothing(site: Site) -> None:
    site.enter("look")
    name, _, value = site.cookie.partition("=")
    _, ends, signature = value.split(".")
    for forged in (
        f"change.{ends}.{signature}",
        f"look.{int(ends) + 1}.{signature}",
        f"look.1.{signature}",
        f"look.{ends}.",
        "look",
        site.token("look"),
    ):
        assert site.ask("/", cookie=f"{name}={forged}").status == 401, forged
    assert site.ask("/").status == 200


def test_the_cookie_is_for_this_site_alone(site: Site) -> None:
    cookie = site.enter("look").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert site.token("look").lower() not in cookie


def test_a_stolen_host_header_is_refused(site: Site) -> None:
    site.enter("change")
    for host in ("evil.example.com", f"evil.example.com:{site.port}", "127.0.0.1.evil.example.com", ""):
        assert site.ask("/", Host=host).status in (400, 421), host
        assert site.ask("/login", Host=host).status in (400, 421), host
    assert site.ask("/", Host=f"localhost:{site.port}").status == 200


def test_another_site_reads_and_changes_nothing(site: Site, store: Store) -> None:
    ids = made.dead(store, 1, job_type="greet")
    site.enter("change")
    form, fields = site.form(), {"verb": "retry", "words": ids[0], "queue": "default"}
    assert site.ask("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors", Sec_Fetch_Dest="image").status == 403
    assert (
        site.ask("/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate", Sec_Fetch_Dest="document").status == 401
    )
    for headers in (
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
        {"Sec_Fetch_Site": "none"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Accept": "*/*"},
    ):
        answer = site.send("/change", fields, form=form, **headers)
        assert answer.status == 403, headers
    assert made.states(store, ids) == ["dead"]
    own = {"Origin": f"http://127.0.0.1:{site.port}"}  # a browser that does not say where a request comes from
    assert site.send("/change", fields, form=form, **own).status == 200


def test_a_forged_form_changes_nothing(site: Site, store: Store) -> None:
    ids = made.dead(store, 1, job_type="greet")
    site.enter("change")
    fields = {"verb": "retry", "words": ids[0], "queue": "default"}
    for forged in ("", "0" * 64, "é"):
        assert site.send("/change", fields, form=forged).status == 403
    own = site.form()
    site.enter("look")
    assert site.send("/change", fields, form=own).status == 403
    assert made.states(store, ids) == ["dead"]


def test_who_looks_changes_nothing(site: Site, store: Store) -> None:
    ids = made.dead(store, 1, job_type="greet")
    site.enter("look")
    assert "Retry" not in site.ask("/groups").text
    answer = site.send("/change", {"verb": "retry", "words": ids[0], "queue": "default"})
    assert answer.status == 403
    assert "may only look" in answer.text
    bearer = f"Bearer {site.token('change')}"
    assert site.ask("/", cookie="", Authorization=bearer).status == 200
    assert site.ask("/change", cookie="", method="POST", body="", Authorization=bearer, **FROM_HERE).status == 401
    assert made.states(store, ids) == ["dead"]


def test_nothing_is_changed_by_get(site: Site, store: Store) -> None:
    ids = made.dead(store, 1, job_type="greet")
    site.enter("change")
    assert site.ask(f"/change?verb=retry&words={ids[0]}&queue=default&form={site.form()}").status == 405
    assert site.ask("/logout").status == 405
    assert site.ask("/", method="DELETE").status == 405
    assert made.states(store, ids) == ["dead"]


def test_browsers_are_told_to_run_nothing_but_its_own(site: Site) -> None:
    site.enter("look")
    for path in ("/", "/login", "/static/app.js", "/nothing"):
        headers = site.ask(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
        assert headers["cache-control"] == "no-store"
    page = site.ask("/").text
    assert "style=" not in page
    assert "onclick" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")


def test_a_form_that_is_too_large_is_refused(site: Site) -> None:
    site.enter("change")
    assert site.send("/change", {"words": "x" * 100_000}).status == 400


def test_without_allow_changes_there_is_no_token_for_it(lab: Cli, store: Store) -> None:
    with serving(lab) as site:
        assert "to change" not in site.log.read_text()
        site.enter("look")
        assert site.send("/change", {"verb": "pause", "queue": "default"}).status == 403
    assert not store.pauses.now()


def test_tokens_from_a_file(lab: Cli, store: Store) -> None:
    tokens = lab.cwd / "tokens"
    tokens.write_text("look-look-look-look-look\nchange-change-change-change\n")
    with serving(lab, "--allow-changes", "--token-file", str(tokens)) as site:
        assert "look-look" not in site.log.read_text()
        answer = site.ask("/login", method="POST", body="token=look-look-look-look-look", **FROM_HERE)
        assert answer.status == 303
        site.cookie = answer.headers["set-cookie"].partition(";")[0]
        assert "You may look." in site.ask("/").text
        answer = site.ask("/login", method="POST", body="token=change-change-change-change", **FROM_HERE)
        site.cookie = answer.headers["set-cookie"].partition(";")[0]
        assert "You may look and change." in site.ask("/").text
        assert site.send("/logout", {}).status == 303


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ("", "has 0 tokens"),
        ("a-token-for-looking-alone\n", "has 1 tokens"),
        ("short\nshorter\n", "shorter than 20 characters"),
        ("the-same-token-the-same\nthe-same-token-the-same\n", "are the same"),
    ],
)
def test_a_bad_token_file_is_one_line(tokens: str, said: str, lab: Cli) -> None:
    path = lab.cwd / "tokens"
    path.write_text(tokens)
    ran = lab("web", "--port", "0", "--allow-changes", "--token-file", str(path))
    assert (ran.code, len(ran.err.splitlines())) == (2, 1)
    assert said in ran.err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--host", "0.0.0.0"), "--allow-host"),
        (("--allow-host", "http://x"), "not a host's name"),
        (("--root-path", "jobs"), "is no path"),
        (("--host", "192.0.2.1"), "cannot listen on 192.0.2.1"),
        (("--token-file", "/nowhere"), "cannot read /nowhere"),
        (("-o", "json"), "pages for people"),
    ],
)
def test_what_cannot_be_served_is_one_line(args: tuple[str, ...], said: str, lab: Cli) -> None:
    ran = lab("web", "--port", "0", *args)
    assert (ran.code, len(ran.err.splitlines())) == (2, 1), ran.err
    assert said in ran.err


def test_behind_a_proxy_below_a_path(lab: Cli, store: Store) -> None:
    with serving(lab, "--root-path", "/ops/jobs", "--allow-host", "jobs.example.com") as site:
        site.enter("look")
        for path in ("/ops/jobs/queues", "/queues"):  # a proxy may leave the path there, or take it off
            page = site.ask(path, Host="jobs.example.com")
            assert page.status == 200
            assert 'href="/ops/jobs/static/app.css"' in page.text
            assert 'href="/ops/jobs/queues"' in page.text
        bare = site.ask("/ops/jobs", Host="jobs.example.com")
        assert (bare.status, bare.headers["location"]) == (307, "/ops/jobs/")
        assert site.ask("/ops/jobsx", Host="jobs.example.com").status == 404
