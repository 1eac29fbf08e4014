//! Which charts a row of reports gives.

use super::chart::Chart;
use super::report::Report;

type Row = (String, Vec<(f64, f64)>);

/// Returns the charts of some reports: file names and SVG texts. Several runs are compared by their numbers of nodes.
pub fn plots(reports: &[Report]) -> Vec<(&'static str, String)> {
    let Some(first) = reports.first() else { return Vec::new() };
    let name = &first.scenario;
    vec![
        ("hops.svg", hops(name, reports).svg()),
        ("latency.svg", latency(name, reports).svg()),
        ("replicas.svg", replicas(name, reports).svg()),
        ("lost.svg", lost(name, reports).svg()),
        ("traffic.svg", traffic(name, reports).svg()),
        ("memory.svg", memory(name, reports).svg()),
    ]
}

/// Returns a row of one value a report, over the number of nodes.
fn against_nodes(name: &str, reports: &[Report], value: impl Fn(&Report) -> Option<f64>) -> Row {
    (name.to_owned(), reports.iter().filter_map(|report| Some((report.nodes as f64, value(report)?))).collect())
}

fn of_nodes(title: String, up: &'static str, rows: Vec<Row>) -> Chart {
    Chart { title, across: "nodes", up, by_factors: true, bars: false, rows }
}

fn hops(name: &str, reports: &[Report]) -> Chart {
    if let [report] = reports {
        let counts = report.hops_counts.iter().enumerate().map(|(hops, count)| (hops as f64, *count as f64));
        let rows = vec![("lookups".to_owned(), counts.collect())];
        let title = format!("{name}: hops of lookups, {} nodes", report.nodes);
        return Chart { title, across: "hops", up: "lookups", by_factors: false, bars: true, rows };
    }
    let rows = vec![
        against_nodes("mean", reports, |report| Some(report.hops.mean)),
        against_nodes("99 %", reports, |report| Some(report.hops.p99)),
        against_nodes("log2 N / 3 + 2", reports, |report| Some((report.nodes as f64).log2() / 3.0 + 2.0)),
    ];
    of_nodes(format!("{name}: hops of lookups"), "hops", rows)
}

fn latency(name: &str, reports: &[Report]) -> Chart {
    let rows = vec![
        against_nodes("publish 50 %", reports, |report| Some(report.publish_ms.p50)),
        against_nodes("publish 99 %", reports, |report| Some(report.publish_ms.p99)),
        against_nodes("read 50 %", reports, |report| Some(report.read_ms.p50)),
        against_nodes("read 99 %", reports, |report| Some(report.read_ms.p99)),
    ];
    of_nodes(format!("{name}: how long publishing and reading takes"), "ms", rows)
}

/// Returns a row of one value a count, over time; the last report stands for all.
fn over_time(name: &str, reports: &[Report], value: impl Fn(&super::report::Counted) -> f64) -> Row {
    let counts = reports.last().into_iter().flat_map(|report| &report.counts);
    (name.to_owned(), counts.map(|count| (count.at_h, value(count))).collect())
}

fn in_time(title: String, up: &'static str, rows: Vec<Row>) -> Chart {
    Chart { title, across: "hours", up, by_factors: false, bars: false, rows }
}

fn replicas(name: &str, reports: &[Report]) -> Chart {
    let rows = vec![
        over_time("least", reports, |count| count.replicas.min),
        over_time("half have", reports, |count| count.replicas.p50),
        over_time("most", reports, |count| count.replicas.max),
    ];
    in_time(format!("{name}: replicas that are up and hold a post"), "replicas", rows)
}

fn lost(name: &str, reports: &[Report]) -> Chart {
    let rows = vec![over_time("lost", reports, |count| count.lost as f64)];
    in_time(format!("{name}: published posts that nobody up holds"), "posts", rows)
}

fn traffic(name: &str, reports: &[Report]) -> Chart {
    let rows = vec![against_nodes("sent", reports, |report| Some(report.traffic.bytes / 1024.0))];
    of_nodes(format!("{name}: traffic of a node"), "KiB an hour", rows)
}

fn memory(name: &str, reports: &[Report]) -> Chart {
    let rows = vec![
        against_nodes("process", reports, |report| report.memory.process_bytes.map(|bytes| bytes / 1024.0)),
        against_nodes("records", reports, |report| Some(report.memory.disk_bytes / 1024.0)),
    ];
    of_nodes(format!("{name}: memory of a node"), "KiB", rows)
}
