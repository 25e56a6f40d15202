//! Metrics as text: Prometheus' format (0.0.4) and OpenMetrics (1.0.0).
//!
//! The numbers are kept in DynamoDB, not in this process, so there is no registry here: families of samples go in,
//! text comes out. (The crate `prometheus-client` counts in the process, and writes OpenMetrics only.)

use std::fmt::Write;

/// A format that a scraper can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// What an `Accept` header asks for. Prometheus itself names OpenMetrics first.
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

/// What a family's numbers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

/// Metrics of one name.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    name: &'static str,
    help: &'static str,
    kind: MetricKind,
    samples: Vec<Sample>,
}

/// One number.
#[derive(Debug, Clone)]
struct Sample {
    /// `_bucket`, `_sum` and `_count` of histograms.
    suffix: &'static str,
    labels: Vec<(&'static str, String)>,
    value: f64,
}

impl Family {
    pub(crate) fn new(kind: MetricKind, name: &'static str, help: &'static str) -> Family {
        Family { name, help, kind, samples: Vec::new() }
    }

    /// Adds a number.
    pub(crate) fn sample(mut self, labels: &[(&'static str, &str)], value: f64) -> Family {
        self.samples.push(Sample { suffix: "", labels: owned(labels), value });
        self
    }

    /// Adds a histogram: how many observations were at most each bound (counting up), and their sum.
    pub(crate) fn histogram(
        mut self,
        labels: &[(&'static str, &str)],
        buckets: &[(f64, u64)],
        count: u64,
        sum: f64,
    ) -> Family {
        for (bound, at_most) in buckets {
            self.bucket(labels, number(*bound), *at_most);
        }
        self.bucket(labels, "+Inf".to_owned(), count);
        self.samples.push(Sample { suffix: "_sum", labels: owned(labels), value: sum });
        self.samples.push(Sample { suffix: "_count", labels: owned(labels), value: count as f64 });
        self
    }

    fn bucket(&mut self, labels: &[(&'static str, &str)], bound: String, at_most: u64) {
        let mut labels = owned(labels);
        labels.push(("le", bound));
        self.samples.push(Sample { suffix: "_bucket", labels, value: at_most as f64 });
    }

    /// OpenMetrics names a counter without its `_total`; one that is not called so is of unknown kind there.
    fn declared(&self, format: Format) -> (&'static str, &'static str) {
        match (format, self.kind, self.name.strip_suffix("_total")) {
            (Format::OpenMetrics, MetricKind::Counter, Some(name)) => (name, "counter"),
            (Format::OpenMetrics, MetricKind::Counter, None) => (self.name, "unknown"),
            (Format::Prometheus, MetricKind::Counter, _) => (self.name, "counter"),
            (_, MetricKind::Gauge, _) => (self.name, "gauge"),
            (_, MetricKind::Histogram, _) => (self.name, "histogram"),
        }
    }
}

fn owned(labels: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

/// The families as text. A family without a number is left out.
pub(crate) fn write(format: Format, families: &[Family]) -> String {
    let mut text = String::new();
    for family in families.iter().filter(|family| !family.samples.is_empty()) {
        let (name, kind) = family.declared(format);
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {}", escaped(family.help, false));
        let _ = writeln!(text, "# TYPE {name} {kind}");
        for sample in &family.samples {
            let _ =
                writeln!(text, "{}{}{} {}", family.name, sample.suffix, braces(&sample.labels), number(sample.value));
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

/// Rust writes a number so that it is read back as the same one; infinity and NaN have names of their own.
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
    use super::*;

    fn families() -> Vec<Family> {
        vec![
            Family::new(MetricKind::Counter, "calls_total", "Calls.\nAll.")
                .sample(&[("endpoint", "a\"b\\c\nd"), ("status", "200")], 3.0),
            Family::new(MetricKind::Counter, "ghl_retry_attempts", "Retries.").sample(&[], 0.0),
            Family::new(MetricKind::Gauge, "ratio", "Share.").sample(&[("location", "l")], 0.25),
            Family::new(MetricKind::Gauge, "nothing", "Is left out."),
            Family::new(MetricKind::Histogram, "took_seconds", "Time.").histogram(&[], &[(0.1, 2), (1.0, 5)], 6, 4.5),
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
