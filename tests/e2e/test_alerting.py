"""From a query to the team that acts on it: real dnsfilter, Prometheus, Alertmanager, and a webhook receiver."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.server import SINKHOLE_IPV4, Server, fetch
from tests.processes import Processes, free_port, require_program, wait_until

DEPLOY = Path(__file__).parents[2] / "deploy"
PHONE, LAPTOP = "127.0.0.31", "127.0.0.32"
INVENTORY = f"id,group,ip\nphone,corporate,{PHONE}\nlaptop,corporate,{LAPTOP}\n"
APP_NAMES = ("api16-normal-useast5.tiktokv.us", "rtlog16-normal-useast5.tiktokv.us")
PIXEL = "analytics.tiktok.com"
END_TO_END = 30.0
"""Seconds from the query to the notice."""

Alert = dict[str, Any]
Notices = dict[str, list[Alert]]


@pytest.fixture
def webhooks() -> Iterator[tuple[str, Notices]]:
    """Receive what Alertmanager sends: the receiver's address, and the alerts so far by team."""
    notices: Notices = {"soc": [], "operations": []}

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            notices[self.path.strip("/")] += json.loads(body)["alerts"]
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep the test's output clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", notices
        server.shutdown()


@pytest.fixture
def alertmanager(webhooks: tuple[str, Notices], processes: Processes, tmp_path: Path) -> int:
    """Start Alertmanager with the shipped configuration, our receiver in it; return its port."""
    program = require_program("prometheus-alertmanager", "prometheus-alertmanager")
    configuration = tmp_path / "alertmanager.yaml"
    shipped = (DEPLOY / "alertmanager" / "alertmanager.yaml").read_text()
    configuration.write_text(shipped.replace("https://alerts.example", webhooks[0]))
    port = free_port()
    command = [
        program,
        f"--config.file={configuration}",
        f"--storage.path={tmp_path}/alertmanager",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
    processes.start("alertmanager", command, lambda _: fetch(port, "/-/ready")[0] == 200)
    return port


@pytest.fixture
def server(start: Callable[..., Server], tmp_path: Path) -> Server:
    """Start dnsfilter for an inventory of two devices."""
    inventory = tmp_path / "devices.csv"
    inventory.write_text(INVENTORY)
    return start(groups=[{"name": "corporate"}], inventory=str(inventory))


@pytest.fixture
def prometheus(server: Server, alertmanager: int, processes: Processes, tmp_path: Path) -> int:
    """Start Prometheus with the shipped rules and scrape configuration, every second and on our ports."""
    program = require_program("prometheus", "prometheus")
    settings = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yaml").read_text())
    settings["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    settings["rule_files"] = [str(DEPLOY / "prometheus" / "dnsfilter.rules.yaml")]
    settings["alerting"]["alertmanagers"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{alertmanager}"]}]
    settings["scrape_configs"] = settings["scrape_configs"][:1]
    settings["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{server.metrics_port}"]}]
    configuration = tmp_path / "prometheus.yaml"
    configuration.write_text(json.dumps(settings))
    port = free_port()
    places = [f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path}/tsdb"]
    command = [program, *places, f"--web.listen-address=127.0.0.1:{port}"]
    processes.start("prometheus", command, lambda _: fetch(port, "/-/ready")[0] == 200)
    return port


def firing(port: int) -> list[Alert]:
    """Return the alerts that Prometheus has pending or firing."""
    alerts: list[Alert] = json.loads(fetch(port, "/api/v1/alerts")[1])["data"]["alerts"]
    return alerts


def raise_alerts(port: int, alerts: list[dict[str, str]]) -> None:
    """Give Alertmanager alerts with these labels."""
    body = json.dumps([{"labels": labels} for labels in alerts]).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/api/v2/alerts", body, headers)).close()


@pytest.mark.slow
def test_app_reaches_the_soc(server: Server, prometheus: int, webhooks: tuple[str, Notices]) -> None:
    """A device with the app is with the SOC within half a minute; one that met a pixel is with nobody."""
    notices = webhooks[1]
    assert server.dig(PIXEL, "-b", LAPTOP).rdata("A") == [SINKHOLE_IPV4]
    asked = time.monotonic()
    for name in APP_NAMES:
        assert server.dig(name, "-b", PHONE).rdata("A") == [SINKHOLE_IPV4]
    wait_until(lambda: notices["soc"], "the SOC is told", END_TO_END)
    assert time.monotonic() - asked <= END_TO_END
    (alert,) = notices["soc"]
    (phone,) = [
        json.loads(line) for line in server.command("devices", "--json", "--standing", "confirmed").stdout.splitlines()
    ]
    assert alert["labels"] == {
        "alertname": "DnsfilterDeviceConfirmed",
        "app": "tiktok",
        "device": phone["id"],
        "group": "corporate",
        "severity": "warning",
        "standing": "confirmed",
        "team": "soc",
    }
    assert alert["annotations"]["runbook_url"].endswith("/DnsfilterDeviceConfirmed.md")
    assert {each["labels"].get("device") for each in firing(prometheus)} == {phone["id"]}
    assert server.metric("dnsfilter_sightings_total", role="pixel", grade="none") == 1
    assert notices["operations"] == []


@pytest.mark.slow
def test_pixel_raises_nothing(server: Server, prometheus: int, webhooks: tuple[str, Notices]) -> None:
    """However often pages with a pixel are opened, no alert is even pending after many evaluations."""
    for _ in range(20):
        assert server.dig(PIXEL, "-b", LAPTOP).rdata("A") == [SINKHOLE_IPV4]
    seen = "sum(dnsfilter_sightings_total)"
    wait_until(lambda: '"20"' in fetch(prometheus, f"/api/v1/query?query={seen}")[1], "Prometheus knows of all")
    time.sleep(8)  # evaluations, and the time that Alertmanager waits for more
    assert firing(prometheus) == []
    assert webhooks[1] == {"soc": [], "operations": []}


@pytest.mark.slow
def test_cause_silences_its_symptoms(alertmanager: int, webhooks: tuple[str, Notices]) -> None:
    """Of a machine that is down only that is told; other machines and devices are told of as ever."""
    down = {"alertname": "DnsfilterDown", "instance": "one", "team": "operations"}
    symptom = {"alertname": "DnsfilterProxyDown", "instance": "one", "team": "operations"}
    elsewhere = {"alertname": "DnsfilterProxyDown", "instance": "two", "team": "operations"}
    case = {"alertname": "DnsfilterDevicesSuspected", "instance": "one", "team": "soc", "app": "tiktok", "group": "g"}
    raise_alerts(alertmanager, [down, symptom, elsewhere, case])
    notices = webhooks[1]
    wait_until(lambda: len(notices["operations"]) >= 2 and notices["soc"], "all that is not a symptom is told", 30)
    time.sleep(2)  # the symptom would have come at the same time
    told = [alert["labels"] for team in notices.values() for alert in team]
    assert sorted(map(str, told)) == sorted(map(str, (dict(sorted(each.items())) for each in (down, elsewhere, case))))
