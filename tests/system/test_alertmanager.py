"""A real Alertmanager takes the alerts of a hook, knows a repeat again, and lets them end."""

from __future__ import annotations

import json
import shutil
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from engine.effects import AttemptStatus
from engine.formats.times import write_time
from engine.model import Json
from tests.effects.orders import hook, order
from tests.loopback import running

pytestmark = pytest.mark.system

CONFIG = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an Alertmanager that tells nobody."""
    folder = tmp_path_factory.mktemp("alertmanager")
    assert shutil.which("prometheus-alertmanager"), "prometheus-alertmanager is not installed"
    (folder / "alertmanager.yml").write_text(CONFIG)
    options = ["--config.file=alertmanager.yml", "--storage.path=data"]

    def argv(address: str) -> list[str]:
        listening = [f"--web.listen-address={address}", "--cluster.listen-address="]
        return ["prometheus-alertmanager", *options, *listening]

    with running(argv, folder) as url:
        yield url


def alerts(url: str) -> list[Json]:
    """What is firing there."""
    with urllib.request.urlopen(f"{url}/api/v2/alerts?active=true") as answer:  # noqa: S310
        found: list[Json] = json.load(answer)
    return found


def test_a_page_fires_once_and_a_recovery_ends_it(alertmanager: str, tmp_path: Path) -> None:
    text = f"""\
[[hook]]
kind = "http"
url = "{alertmanager}/api/v2/alerts"
body = "alertmanager"
labels = {{team = "scoring"}}
"""
    made = hook(text, tmp_path)
    now = datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=5)
    requested_at = write_time(now)
    for attempt in (1, 2):
        page = order(requested_at=requested_at, now=now, attempt=attempt)
        assert made.perform(page).ended is AttemptStatus.DONE
    (firing,) = alerts(alertmanager)
    assert firing["labels"]["alertname"] == "ReleaseBreach"
    assert firing["labels"]["subject"] == "scoring-model"
    assert firing["labels"]["team"] == "scoring"
    assert firing["status"]["state"] in ("active", "unprocessed")
    assert firing["startsAt"].startswith(requested_at[:-1])

    assert (
        made.perform(order(action="recover", requested_at=requested_at, now=now)).ended
        is AttemptStatus.DONE
    )
    assert alerts(alertmanager) == []


def test_what_it_does_not_take_is_not_tried_again(alertmanager: str, tmp_path: Path) -> None:
    text = f'[[hook]]\nkind = "http"\nurl = "{alertmanager}/api/v2/alerts"\n'
    outcome = hook(text, tmp_path).perform(order())  # the generic body is no list of alerts
    assert outcome.ended is AttemptStatus.REFUSED
    assert outcome.detail.startswith("HTTP 4")
