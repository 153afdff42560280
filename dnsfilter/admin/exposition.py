"""The values of declared metrics, rendered by prometheus_client: the state of one endpoint.

Knows nothing of where values come from. Keys are those of the journal; a key that no declared metric has is ignored, so
that one journal may feed several endpoints.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector, CollectorRegistry

from dnsfilter import __version__
from dnsfilter.journal import CounterKey
from dnsfilter.metrics import BUCKETS, PREFIX, Children, Kind, Labels, Metric

_BUCKET_INDEX = {bound: index for index, bound in enumerate(BUCKETS)}


class _Histogram:
    """The observations of one child: how many in each bucket, and their sum."""

    def __init__(self) -> None:
        self.counts = [0.0] * len(BUCKETS)
        self.sum = 0.0

    def cumulative(self) -> Iterator[tuple[str, float]]:
        total = 0.0
        for bound, count in zip(BUCKETS, self.counts, strict=True):
            total += count
            yield bound, total


class Exposition(Collector):
    """Counters, gauges and histograms of one endpoint."""

    def __init__(self, declared: Iterable[Metric]) -> None:
        self._declared = tuple(declared)
        self._by_key = {metric.key: metric for metric in self._declared if metric.kind is not Kind.HISTOGRAM}
        self._histograms_by_key = {metric.key: metric for metric in self._declared if metric.kind is Kind.HISTOGRAM}
        self._values: dict[str, dict[Labels, float]] = {key: {} for key in self._by_key}
        self._histograms: dict[str, dict[Labels, _Histogram]] = {key: {} for key in self._histograms_by_key}
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self.set("build_info", __version__, to=1)

    def create(self, children: Children) -> None:
        """Create children that do not exist yet, at zero."""
        for name, labels_of_children in children.items():
            for labels in labels_of_children:
                plain = tuple(map(str, labels))
                if name in self._values:
                    self._values[name].setdefault(plain, 0.0)
                else:
                    self._histograms[name.removesuffix("_seconds")].setdefault(plain, _Histogram())

    def add(self, key: CounterKey, by: float = 1) -> None:
        """Add to a counter or to a histogram's bucket or sum."""
        name, labels = key[0], key[1:]
        metric = self._by_key.get(name)
        if metric is not None:
            if len(labels) == len(metric.labels):
                values = self._values[name]
                values[labels] = values.get(labels, 0.0) + by
        elif name.endswith("_bucket"):
            self._add_to_bucket(name.removesuffix("_bucket"), labels, by)
        elif name.endswith("_sum"):
            self._add_to_sum(name.removesuffix("_sum"), labels, by)

    def set(self, name: str, *labels: str, to: float) -> None:
        """Set a gauge."""
        self._values[name][labels] = to

    def replace(self, name: str, values: Mapping[Labels, float]) -> None:
        """Set all children of a gauge; those not named disappear."""
        self._values[name] = dict(values)

    def collect(self) -> Iterator[Family]:
        """Yield every declared metric with its children."""
        for metric in self._declared:
            yield self._histogram_family(metric) if metric.kind is Kind.HISTOGRAM else self._family(metric)

    def render(self, accept: str) -> tuple[bytes, str]:
        """Return the exposition and its media type, in the format that an Accept header asks for."""
        encode, media_type = choose_encoder(accept)
        return encode(self._registry), media_type

    def _add_to_bucket(self, name: str, labels: Labels, by: float) -> None:
        index = _BUCKET_INDEX.get(labels[-1]) if labels else None
        histogram = self._find_histogram(name, labels[:-1])
        if histogram and index is not None:
            histogram.counts[index] += by

    def _add_to_sum(self, name: str, labels: Labels, by: float) -> None:
        histogram = self._find_histogram(name, labels)
        if histogram:
            histogram.sum += by

    def _find_histogram(self, name: str, labels: Labels) -> _Histogram | None:
        metric = self._histograms_by_key.get(name)
        if metric is None or len(labels) != len(metric.labels):
            return None
        return self._histograms[name].setdefault(labels, _Histogram())

    def _family(self, metric: Metric) -> Family:
        kind = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
        family = kind(PREFIX + metric.name, metric.help, labels=metric.labels)
        for labels, value in self._values[metric.key].items():
            family.add_metric(labels, value)
        return family

    def _histogram_family(self, metric: Metric) -> Family:
        family = HistogramMetricFamily(PREFIX + metric.name, metric.help, labels=metric.labels)
        for labels, histogram in self._histograms[metric.key].items():
            family.add_metric(labels, list(histogram.cumulative()), histogram.sum)
        return family
