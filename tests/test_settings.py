"""Settings: who wins, what is refused, and where a password may go."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobctl import profiles
from jobctl.errors import UsageError
from jobctl.settings import resolve
from jobctl.urls import redacted, split_password


def write_profiles(folder: Path, text: str) -> dict[str, str]:
    config = folder / "jobctl"
    config.mkdir()
    (config / "profiles.yaml").write_text(text)
    return {"XDG_CONFIG_HOME": str(folder)}


def env(folder: Path, **values: str) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(folder), **values}


def test_defaults_are_the_catalog_here_and_the_embedded_server(tmp_path: Path) -> None:
    settings = resolve(environ=env(tmp_path))
    assert settings.catalog_path == Path("jobs.yaml")
    assert settings.redis_url is None
    assert settings.state_dir == Path(".jobctl")
    assert not settings.catalog_given


def test_the_state_directory_lies_beside_the_catalog(tmp_path: Path) -> None:
    assert resolve(catalog="/srv/shop/jobs.yaml", environ=env(tmp_path)).state_dir == Path("/srv/shop/.jobctl")


def test_a_flag_wins_over_the_environment_and_the_environment_over_the_profile(tmp_path: Path) -> None:
    base = write_profiles(tmp_path, "profiles:\n  p: {namespace: three, redis_url: 'redis://three'}\n")
    assert resolve(profile="p", environ=base).namespace == "three"
    named = base | {"JOBCTL_NAMESPACE": "two", "JOBCTL_REDIS_URL": "redis://two"}
    assert resolve(profile="p", environ=named).namespace == "two"
    assert resolve(profile="p", environ=named).redis_url == "redis://two"
    flags = resolve(profile="p", namespace="one", redis="redis://one", environ=named)
    assert (flags.namespace, flags.redis_url) == ("one", "redis://one")


def test_an_empty_variable_is_no_variable(tmp_path: Path) -> None:
    assert resolve(environ=env(tmp_path, JOBCTL_REDIS_URL="", NO_COLOR="")).color


@pytest.mark.parametrize("url", ["redis://:secret@host", "redis://me:secret@host/0", "redis://host?password=secret"])
def test_a_password_on_the_command_line_is_refused_without_showing_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(redis=url, environ=env(tmp_path))
    assert "secret" not in str(caught.value)
    assert "JOBCTL_REDIS_PASSWORD" in caught.value.hint


def test_the_password_only_form_works_from_the_environment(tmp_path: Path) -> None:
    settings = resolve(environ=env(tmp_path, JOBCTL_REDIS_URL="redis://:s%40cret@host:6380/2"))
    assert settings.redis_url == "redis://host:6380/2"
    assert settings.redis_password() == "s@cret"
    assert "s@cret" not in repr(settings)
    assert "s%40cret" not in repr(settings)


def test_a_password_file_is_read_when_it_is_needed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    settings = resolve(redis="redis://host", environ=env(tmp_path, JOBCTL_REDIS_PASSWORD_FILE=str(secret)))
    with pytest.raises(UsageError, match="cannot read the Redis password file"):
        settings.redis_password()
    secret.write_text("hush\n")
    assert settings.redis_password() == "hush"


def test_a_profiles_password_never_goes_to_another_server(tmp_path: Path) -> None:
    base = write_profiles(tmp_path, "profiles:\n  p: {redis_url: 'redis://a', redis_password_file: pw}\n")
    (tmp_path / "jobctl" / "pw").write_text("hush")
    assert resolve(profile="p", environ=base).redis_password() == "hush"
    assert resolve(profile="p", redis="redis://b", environ=base).redis_password() is None


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("localhost:6379", "does not begin with a scheme"),
        ("http://host", "cannot begin with http://"),
        ("redis+sentinel://host", "does not name the service"),
        ("redis://host:port", "is not a Redis URL"),
        ("redis://", "is not a Redis URL"),
        ("unix://relative.sock", "has no socket path"),
    ],
)
def test_a_url_that_cannot_work_is_refused(tmp_path: Path, url: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        resolve(redis=url, environ=env(tmp_path))


SECRET_URLS = (
    "redis://user:hush-hush@host/0",
    "redis://:hush-hush@host",
    "redis://:hush@hush-hush@host",
    "redis://host/0?password=hush-hush",
    "redis://host/0?%70assword=hush-hush&db=1",
    "rediss://host/0?ssl_password=hush-hush",
    "rediss://host/0?SSL_Password=hush-hush",
    "unix:///run/redis.sock?password=hush-hush",
    "redis+sentinel://:hush-hush@a,b/main",
)
UNREADABLE_URLS = ("hush-hush", ":hush-hush@host:6379", "redis:/user:hush-hush@host", "user:hush-hush@host")


@pytest.mark.parametrize("url", [*SECRET_URLS, *UNREADABLE_URLS])
def test_a_password_is_neither_taken_from_the_command_line_nor_shown(tmp_path: Path, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve(redis=url, environ=env(tmp_path))
    assert "hush-hush" not in f"{caught.value} {caught.value.message} {caught.value.hint} {redacted(url)}"


@pytest.mark.parametrize(
    "url", ["redis://host:1/0?socket_timeout=1", "redis://user@host", "unix:///run/my.sock?d%62=1"]
)
def test_a_url_without_a_password_is_taken_from_the_command_line(tmp_path: Path, url: str) -> None:
    assert resolve(redis=url, environ=env(tmp_path)).redis_url


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("profiles:\n  p:\n    namespce: x\n", r":3: .*no key 'namespce'; did you mean namespace"),
        ("profiles:\n  p: {read_only: 1}\n", r":2: read_only must be true or false"),
        ("profiles:\n  p: {}\n  p: {}\n", r":3: 'p' is given twice"),
        ("profiles: [\n", r":\d+: not YAML"),
        ("profile: {}\n", r":1: the file has no key 'profile'; did you mean profiles"),
    ],
)
def test_a_bad_profile_file_is_reported_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    base = write_profiles(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        resolve(profile="p", environ=base)
    import re

    assert re.search(says, f"{caught.value.message}; {caught.value.hint}")


def test_an_unknown_profile_names_the_nearest(tmp_path: Path) -> None:
    base = write_profiles(tmp_path, "profiles:\n  staging: {}\n")
    with pytest.raises(UsageError) as caught:
        resolve(profile="stagin", environ=base)
    assert caught.value.hint == "did you mean staging?"


def test_the_profile_in_use_holds_for_later_commands(tmp_path: Path) -> None:
    base = write_profiles(tmp_path, "profiles:\n  live: {production: true, read_only: true}\n")
    profiles.use(tmp_path / "jobctl", "live")
    settings = resolve(environ=base)
    assert (settings.profile, settings.production, settings.read_only) == ("live", True, True)


def test_a_child_finds_the_same_redis_and_catalog(tmp_path: Path) -> None:
    parent = resolve(catalog="x/jobs.yaml", environ=env(tmp_path, JOBCTL_REDIS_URL="redis://:pw@h/1"))
    child = resolve(environ=env(tmp_path, **parent.child_environment()))
    assert (child.redis_url, child.redis_password()) == ("redis://h/1", "pw")
    assert child.catalog_path == Path.cwd() / "x/jobs.yaml"


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1))
def test_no_password_is_ever_shown(password: str) -> None:
    marked = f"Zq{password}qZ"
    assert marked not in redacted(f"redis://user:{marked}@host:6379/0")


def test_a_query_without_a_password_is_kept() -> None:
    assert split_password("rediss://u:p@h:1/2?ssl_cert_reqs=none&password=x") == (
        "rediss://u@h:1/2?ssl_cert_reqs=none",
        "x",
    )
    assert split_password("unix:///tmp/a.sock?db=3") == ("unix:///tmp/a.sock?db=3", None)
    assert split_password("unix://:pw@/tmp/a.sock") == ("unix:///tmp/a.sock", "pw")
