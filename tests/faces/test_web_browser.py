"""`jobctl web` in a real browser, as a person uses it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobctl.store import Store
from tests.commands import made
from tests.faces.visitor import Site, serving
from tests.support import Cli, eventually
from tests.tools.browser import Browser, browser

pytestmark = pytest.mark.tools("chromium", "bash")


@pytest.fixture
def site(lab: Cli, store: Store) -> Iterator[Site]:
    with serving(lab, "--allow-changes") as running:
        yield running


@pytest.fixture
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened
        assert not opened.complaints


def test_the_link_opens_the_overview_which_updates_itself(site: Site, store: Store, page: Browser) -> None:
    page.go(site.link("look"))
    page.shows("Overview", "You may look.")
    assert "token" not in page.js("location.href")
    assert page.js("document.cookie") == ""  # no script can read it
    page.js("window.mine = true")
    made.dead(store, 3, job_type="greet", message="no such name")
    page.shows("ValueError: no such name")
    assert page.js("window.mine")  # it was not loaded again
    page.click("Pause updates")
    page.shows("Go on with updates")


def test_a_dead_letter_is_found_and_retried(site: Site, store: Store, page: Browser) -> None:
    ids = made.dead(store, 3, job_type="greet", message="no such name")
    page.go(site.link("change"))
    page.shows("Overview")
    page.click("Errors")
    page.shows("no such name")
    [group] = store.dead.groups("default")
    page.click(group.group)
    page.shows("Trend")
    page.click("Retry all")
    page.shows("Retry 3 dead letters?")
    page.click("Yes, retry 3 dead letters")
    page.shows("retried 3 dead letters")
    assert made.states(store, ids) == ["waiting"] * 3
    page.click("Audit")
    page.shows("dead retry")


def there(page: Browser, condition: str) -> None:
    """Wait until a page has loaded, its script too, of which something is true."""
    eventually(lambda: page.js(f"document.readyState === 'complete' && ({condition})"), what=condition)


def test_keys_lead_through_the_pages(site: Site, store: Store, page: Browser) -> None:
    made.dead(store, 2, job_type="greet")
    page.go(site.link("look"))
    page.shows("Overview", "Pause updates")
    page.press("g", "j")
    there(page, "location.pathname === '/jobs'")
    page.press("/")
    there(page, "document.activeElement.id === 'filter'")
    page.press(*"job:greet", "Enter")
    there(page, "location.search.includes('greet')")
    page.press("j")
    there(page, "document.activeElement.matches('tbody a')")
    page.press("Enter")
    page.shows("Payload")


@pytest.mark.parametrize("dark", [False, True])
def test_it_fits_a_small_screen_by_day_and_by_night(dark: bool, site: Site, store: Store, page: Browser) -> None:
    made.dead(store, 2, job_type="greet", message="a long message " * 20)
    page.size(360, 700, dark=dark)
    page.go(site.link("look"))
    page.shows("Overview")
    for path in ("/", "/queues", "/jobs", "/groups", "/events", "/workers"):
        page.go(site.base + path)
        assert page.js("document.documentElement.scrollWidth") <= 360, path
    back = page.js("getComputedStyle(document.body).backgroundColor")
    assert (back == "rgb(20, 23, 27)") == dark


def test_hostile_texts_run_nothing(site: Site, store: Store, page: Browser) -> None:
    evil = '<img src=x onerror="window.owned=1"><svg onload="window.owned=1"></svg><script>window.owned=1</script>'
    [job_id] = made.dead(store, 1, job_type="greet", error=evil, message=evil, label=evil, payload={evil: evil})
    page.go(site.link("look"))
    page.shows("Overview")
    for path in ("/", "/jobs", f"/jobs/default/{job_id}", "/groups", "/events"):
        page.go(site.base + path)
        assert page.js("window.owned === undefined"), path
        assert not page.js("document.querySelectorAll('main img').length")


def test_a_server_that_ends_is_told(site: Site, page: Browser, tmp_path: Path) -> None:
    page.go(site.link("look"))
    page.shows("Overview")
    site.process.terminate()
    site.process.wait()
    page.shows("what is shown is old")
    page.complaints.clear()
