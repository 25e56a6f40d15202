//! Metrics as text: Prometheus' format (0.0.4) and OpenMetrics (1.0.0).
//!
//! DynamoDB keeps the numbers, not this process, so there is no registry here: families of samples go in, text comes
//! out. (The crate `prometheus-client` counts in the process, and writes OpenMetrics only.)

use std::fmt::Write;

use ghl_sync_engine::counts::catalogue::{Metric, MetricKind};

/// An exposition format that a scraper can request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// Picks the format for an `Accept` header. Prometheus itself names OpenMetrics first.
    pub(crate) fn accepted(accept: Option<&str>) -> Format {
        match accept {
            Some(accept) if accept.contains("application/openmetrics-text") => Format::OpenMetrics,
            _ => Format::Prometheus,
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// A metric with its samples.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    metric: &'static Metric,
    samples: Vec<Sample>,
}

/// One number of a family.
#[derive(Debug, Clone)]
struct Sample {
    /// `_bucket`, `_sum` and `_count` for histograms, else empty.
    suffix: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

impl Family {
    pub(crate) fn of(metric: &'static Metric) -> Family {
        Family { metric, samples: Vec::new() }
    }

    /// Adds a number with these label values. A metric without labels has one number.
    pub(crate) fn sample<S: AsRef<str>>(mut self, labels: impl IntoIterator<Item = S>, value: f64) -> Family {
        let values = labels.into_iter().map(|value| value.as_ref().to_owned());
        let labels = self.metric.labels.iter().copied().zip(values).collect();
        self.samples.push(Sample { suffix: "", labels, value });
        self
    }

    /// Adds the only number of a metric without labels, if there is one.
    pub(crate) fn single(self, value: impl Into<Option<f64>>) -> Family {
        value.into().into_iter().fold(self, |family, value| family.sample([""; 0], value))
    }

    /// Adds a histogram: `buckets` holds each bound with the cumulative number of observations up to it, `sum` their
    /// sum.
    pub(crate) fn histogram(mut self, buckets: &[(f64, u64)], count: u64, sum: f64) -> Family {
        let bounds = buckets.iter().map(|(bound, at_most)| (number(*bound), *at_most));
        for (bound, at_most) in bounds.chain([("+Inf".to_owned(), count)]) {
            self.samples.push(Sample { suffix: "_bucket", labels: vec![("le", bound)], value: at_most as f64 });
        }
        self.samples.push(Sample { suffix: "_sum", labels: Vec::new(), value: sum });
        self.samples.push(Sample { suffix: "_count", labels: Vec::new(), value: count as f64 });
        self
    }

    /// OpenMetrics declares a counter without its `_total`; a counter without that suffix has type `unknown` there.
    fn declared(&self, format: Format, name: &'static str) -> (&'static str, &'static str) {
        match (format, self.metric.kind, name.strip_suffix("_total")) {
            (Format::OpenMetrics, MetricKind::Counter, Some(name)) => (name, "counter"),
            (Format::OpenMetrics, MetricKind::Counter, None) => (name, "unknown"),
            (_, kind, _) => (name, kind.into()),
        }
    }
}

/// Writes the families as text. Leaves out a family without a number, or one that Prometheus should not see.
pub(crate) fn write(format: Format, families: &[Family]) -> String {
    let mut text = String::new();
    for family in families.iter().filter(|family| !family.samples.is_empty()) {
        let Some(full_name) = family.metric.prometheus else { continue };
        let (name, kind) = family.declared(format, full_name);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {}", escaped(family.metric.help, false));
        let _ = writeln!(text, "# TYPE {name} {kind}");
        for sample in &family.samples {
            let _ = writeln!(text, "{full_name}{}{} {}", sample.suffix, braces(&sample.labels), number(sample.value));
        }
    }
    if format == Format::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

fn braces(labels: &[(&'static str, String)]) -> String {
    if labels.is_empty() {
        return String::new();
    }
    let pairs: Vec<String> =
        labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value, true))).collect();
    format!("{{{}}}", pairs.join(","))
}

fn escaped(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', r"\\").replace('\n', r"\n");
    if quotes { text.replace('"', "\\\"") } else { text }
}

/// Rust prints a float so that parsing returns the same value. Infinity and NaN have special names.
fn number(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() }
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use ghl_sync_engine::counts::catalogue::Unit;

    use super::*;

    const fn metric(
        kind: MetricKind,
        name: &'static str,
        labels: &'static [&'static str],
        help: &'static str,
    ) -> Metric {
        Metric::new(kind, Unit::None, help).prometheus(name, labels)
    }

    fn families() -> Vec<Family> {
        static CALLS: Metric = metric(MetricKind::Counter, "calls_total", &["endpoint", "status"], "Calls.\nAll.");
        static RETRIES: Metric = metric(MetricKind::Counter, "ghl_retry_attempts", &[], "Retries.");
        static RATIO: Metric = metric(MetricKind::Gauge, "ratio", &["location"], "Share.");
        static NOTHING: Metric = metric(MetricKind::Gauge, "nothing", &[], "Is left out.");
        static UNTOLD: Metric = Metric::new(MetricKind::Gauge, Unit::None, "Is left out.");
        static TOOK: Metric = metric(MetricKind::Histogram, "took_seconds", &[], "Time.");
        vec![
            Family::of(&CALLS).sample(["a\"b\\c\nd", "200"], 3.0),
            Family::of(&RETRIES).single(0.0),
            Family::of(&RATIO).sample(["l"], 0.25),
            Family::of(&NOTHING).single(None),
            Family::of(&UNTOLD).single(1.0),
            Family::of(&TOOK).histogram(&[(0.1, 2), (1.0, 5)], 6, 4.5),
        ]
    }

    #[test]
    fn prometheus_reads_it() {
        let expected = r#"# HELP calls_total Calls.\nAll.
# TYPE calls_total counter
calls_total{endpoint="a\"b\\c\nd",status="200"} 3
# HELP ghl_retry_attempts Retries.
# TYPE ghl_retry_attempts counter
ghl_retry_attempts 0
# HELP ratio Share.
# TYPE ratio gauge
ratio{location="l"} 0.25
# HELP took_seconds Time.
# TYPE took_seconds histogram
took_seconds_bucket{le="0.1"} 2
took_seconds_bucket{le="1"} 5
took_seconds_bucket{le="+Inf"} 6
took_seconds_sum 4.5
took_seconds_count 6
"#;
        assert_eq!(write(Format::Prometheus, &families()), expected);
    }

    #[test]
    fn openmetrics_names_counters_without_total_and_ends_with_eof() {
        let text = write(Format::OpenMetrics, &families());
        assert!(text.contains("# TYPE calls counter\ncalls_total{"), "{text}");
        assert!(text.contains("# TYPE ghl_retry_attempts unknown\nghl_retry_attempts 0\n"), "{text}");
        assert!(text.ends_with("took_seconds_count 6\n# EOF\n"), "{text}");
    }

    #[test]
    fn a_scraper_gets_the_format_it_asks_for() {
        assert_eq!(Format::accepted(None), Format::Prometheus);
        assert_eq!(Format::accepted(Some("text/plain;version=0.0.4")), Format::Prometheus);
        let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
        assert_eq!(Format::accepted(Some(prometheus)), Format::OpenMetrics);
    }
}
