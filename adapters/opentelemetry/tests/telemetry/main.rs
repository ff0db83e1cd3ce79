//! What is measured and traced, as OpenTelemetry's SDK exports it (LC13).

mod conformance;
mod dashboard;
mod life;
mod moody;
mod store_calls;

use std::sync::Once;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tracing_subscriber::layer::SubscriberExt;

/// A program's telemetry, kept in memory.
struct Telemetry {
    metrics: InMemoryMetricExporter,
    meters: SdkMeterProvider,
    spans: InMemorySpanExporter,
    tracers: SdkTracerProvider,
}

/// A series: the name and unit of its metric, its attributes, and how often something was recorded.
type Series = (String, String, Vec<(String, String)>, u64);

impl Telemetry {
    fn new() -> Self {
        // without a subscriber in all threads, what one thread is interested in depends on when another one asked first
        static EVERYWHERE: Once = Once::new();
        EVERYWHERE.call_once(|| tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap());
        let metrics = InMemoryMetricExporter::default();
        let meters = SdkMeterProvider::builder().with_reader(PeriodicReader::builder(metrics.clone()).build()).build();
        let spans = InMemorySpanExporter::default();
        let tracers = SdkTracerProvider::builder().with_simple_exporter(spans.clone()).build();
        Self { metrics, meters, spans, tracers }
    }

    fn meter(&self) -> Meter {
        self.meters.meter("session-opentelemetry")
    }

    /// Runs `program` with its spans traced.
    fn traced<T>(&self, program: impl FnOnce() -> T) -> T {
        let layer = tracing_opentelemetry::layer().with_tracer(self.tracers.tracer("program"));
        let layer = layer.with_location(false).with_threads(false).with_tracked_inactivity(false);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer.with_target(false)), program)
    }

    fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap()
    }

    /// Returns all series, sorted.
    fn series(&self) -> Vec<Series> {
        self.meters.force_flush().unwrap();
        let exports = self.metrics.get_finished_metrics().unwrap();
        let metrics =
            exports.last().into_iter().flat_map(|export| export.scope_metrics()).flat_map(|scope| scope.metrics());
        let series = metrics.flat_map(|metric| {
            let points: Vec<_> = match metric.data() {
                AggregatedMetrics::F64(MetricData::Histogram(histogram)) => histogram
                    .data_points()
                    .inspect(|point| {
                        assert_eq!(
                            point.bounds().collect::<Vec<_>>(),
                            [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0]
                        );
                    })
                    .map(|point| (texts(point.attributes()), point.count()))
                    .collect(),
                AggregatedMetrics::U64(MetricData::Sum(sum)) if sum.is_monotonic() => {
                    sum.data_points().map(|point| (texts(point.attributes()), point.value())).collect()
                }
                other => panic!("{other:?}"),
            };
            let (name, unit) = (metric.name().to_owned(), metric.unit().to_owned());
            points.into_iter().map(move |(attributes, count)| (name.clone(), unit.clone(), attributes, count))
        });
        let mut series: Vec<Series> = series.collect();
        series.sort();
        series
    }
}

/// Returns attributes as text, sorted.
fn texts<'a>(attributes: impl IntoIterator<Item = &'a KeyValue>) -> Vec<(String, String)> {
    let text = |attribute: &KeyValue| (attribute.key.to_string(), attribute.value.to_string());
    let mut texts: Vec<_> = attributes.into_iter().map(text).collect();
    texts.sort();
    texts
}

/// Returns attributes as [`texts`] does.
fn attributes(all: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut all: Vec<_> = all.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    all.sort();
    all
}
