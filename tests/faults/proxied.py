"""dnsfilter with its proxy: the sinkhole, where only banned traffic comes, and an explicit one, where all comes."""

import json

from tests.faults.measures import Trial
from tests.faults.ours import Dnsfilter
from tests.faults.programs import start_upstream
from tests.faults.servers import Place
from tests.processes import Processes, accepts_connections, children, command_line, free_port

PROXIES = 2


class Proxied(Dnsfilter):
    """A running dnsfilter whose proxy has two processes."""

    def __init__(self, processes: Processes, place: Place) -> None:
        self.sinkhole_port, self.explicit_port, self.proxy_metrics_port = free_port(), free_port(), free_port()
        super().__init__(processes, place)

    def proxies(self) -> list[int]:
        """Return the processes of the proxy."""
        return [pid for pid in children(self.running.pid) if "proxy_addons.program" in command_line(pid)]

    def recorded(self) -> int:
        """Return how many refused ClientHellos are counted as sightings."""
        wanted = ('channel="sni"', 'action="refuse"')
        samples = self.metrics().items()
        return int(
            sum(
                value
                for series, value in samples
                if series.startswith("dnsfilter_sightings_total{") and all(label in series for label in wanted)
            )
        )

    def dropped(self) -> int:
        """Return how many sightings were dropped and counted."""
        return int(self.metrics().get("dnsfilter_journal_dropped_total", 0))

    def is_ready(self) -> bool:
        """Whether resolver and proxy take connections."""
        return super().is_ready() and all(map(accepts_connections, (self.sinkhole_port, self.explicit_port)))

    def _configure(self) -> None:
        super()._configure()
        self.settings["proxy"] = {
            "listen": [
                f"reverse:https://192.0.2.1:443@127.0.0.1:{self.sinkhole_port}",
                f"regular@127.0.0.1:{self.explicit_port}",
            ],
            "workers": PROXIES,
            "metrics": f"127.0.0.1:{self.proxy_metrics_port}",
        }
        (self.place.directory / "dnsfilter.yaml").write_text(json.dumps(self.settings))


def start_proxied(trial: Trial) -> Proxied:
    """Start dnsfilter with its proxy for a trial."""
    directory = trial.directory / "proxied"
    directory.mkdir()
    upstream = start_upstream(trial.processes, trial.directory)
    return Proxied(trial.processes, Place(directory, upstream.address, workers=1))
