//! Plots as SVG: points over a logarithmic axis, and lines over two.

use std::fmt::Write;

use super::results::Who;

const WIDTH: f64 = 760.0;
const LEFT: f64 = 220.0;
const RIGHT: f64 = 110.0;
const TOP: f64 = 46.0;
const ROW: f64 = 20.0;
const INK: &str = "font-family=\"sans-serif\" font-size=\"12\" fill=\"#57606a\"";

/// A logarithmic axis from the decade below the least to the one above the most.
struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    fn over(values: &[f64], from: f64, to: f64) -> Option<Self> {
        let least = values.iter().copied().filter(|v| *v > 0.0).reduce(f64::min)?;
        let most = values.iter().copied().reduce(f64::max)?;
        let (low, high) = (least.log10().floor(), most.log10().ceil());
        Some(Self { low, high: high.max(low + 1.0), from, to })
    }

    fn at(&self, value: f64) -> f64 {
        let part = (value.log10() - self.low) / (self.high - self.low);
        self.from + part * (self.to - self.from)
    }

    fn decades(&self) -> impl Iterator<Item = f64> {
        (self.low as i32..=self.high as i32).map(|decade| 10f64.powi(decade))
    }
}

fn begin(title: &str, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"16\" y=\"24\" font-family=\"sans-serif\" font-size=\"15\" fill=\"#1f2328\">{title}</text>\n"
    )
}

fn short(value: f64) -> String {
    match value {
        v if v >= 1000.0 => format!("{:.0}k", v / 1000.0),
        v if v >= 1.0 => format!("{v:.0}"),
        v => format!("{v}"),
    }
}

/// Draws groups of bars from the left end of a logarithmic axis; each bar is labelled with its figure.
pub fn bars(title: &str, unit: &str, groups: &[(String, Vec<(Who, f64)>)]) -> Option<String> {
    let all: Vec<f64> = groups.iter().flat_map(|(_, bars)| bars.iter().map(|(_, value)| *value)).collect();
    let axis = Axis::over(&all, LEFT, WIDTH - RIGHT)?;
    let rows = groups.iter().map(|(_, bars)| bars.len() + 1).sum::<usize>();
    let height = TOP + ROW * rows as f64 + 40.0;
    let mut out = begin(title, height);
    for decade in axis.decades() {
        let (x, end) = (axis.at(decade), height - 36.0);
        let _ = writeln!(out, "<path d=\"M{x:.1} {TOP}V{end:.1}\" stroke=\"#d8dee4\"/>");
        let _ = writeln!(
            out,
            "<text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" {INK}>{}</text>",
            end + 16.0,
            short(decade)
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" {INK}>{unit}</text>",
        WIDTH - 12.0,
        height - 8.0
    );
    let mut y = TOP;
    for (name, bars) in groups {
        let _ = writeln!(
            out,
            "<text x=\"16\" y=\"{:.1}\" font-family=\"sans-serif\" font-size=\"12\" font-weight=\"bold\" fill=\"#1f2328\">{name}</text>",
            y + 14.0
        );
        y += ROW;
        for (who, value) in bars {
            let end = axis.at(*value);
            let _ = writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" {INK}>{}</text>",
                LEFT - 8.0,
                y + 14.0,
                who.label
            );
            let _ = writeln!(
                out,
                "<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>",
                y + 3.0,
                (end - LEFT).max(1.0),
                ROW - 6.0,
                who.colour
            );
            let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\" {INK}>{}</text>", end + 6.0, y + 14.0, figure(*value));
            y += ROW;
        }
    }
    out.push_str("</svg>\n");
    Some(out)
}

fn figure(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 1.0 => format!("{v:.1}"),
        v => format!("{v:.3}"),
    }
}

/// Draws lines over two logarithmic axes.
pub fn lines(title: &str, (across, up): (&str, &str), all: &[(Who, Vec<(f64, f64)>)]) -> Option<String> {
    let height = 420.0;
    let (xs, ys): (Vec<f64>, Vec<f64>) = all.iter().flat_map(|(_, points)| points.iter().copied()).unzip();
    let x = Axis::over(&xs, 70.0, WIDTH - 180.0)?;
    let y = Axis::over(&ys, height - 60.0, TOP)?;
    let mut out = begin(title, height);
    for decade in y.decades() {
        let at = y.at(decade);
        let _ = writeln!(out, "<path d=\"M70 {at:.1}H{:.1}\" stroke=\"#d8dee4\"/>", WIDTH - 180.0);
        let _ =
            writeln!(out, "<text x=\"62\" y=\"{:.1}\" text-anchor=\"end\" {INK}>{}</text>", at + 4.0, short(decade));
    }
    let mut marks = xs;
    marks.sort_by(f64::total_cmp);
    marks.dedup();
    for mark in marks {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" {INK}>{mark}</text>",
            x.at(mark),
            height - 40.0
        );
    }
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" {INK}>{across}</text>",
        (WIDTH - 110.0) / 2.0,
        height - 16.0
    );
    let _ = writeln!(out, "<text x=\"16\" y=\"40\" {INK}>{up}</text>");
    for (number, (who, points)) in all.iter().enumerate() {
        let path: Vec<String> = points.iter().map(|(a, b)| format!("{:.1} {:.1}", x.at(*a), y.at(*b))).collect();
        let _ = writeln!(
            out,
            "<path d=\"M{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>",
            path.join("L"),
            who.colour
        );
        for (a, b) in points {
            let _ = writeln!(
                out,
                "<circle cx=\"{:.1}\" cy=\"{:.1}\" r=\"3.5\" fill=\"{}\"/>",
                x.at(*a),
                y.at(*b),
                who.colour
            );
        }
        let at = TOP + 20.0 * number as f64;
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{at:.1}\" width=\"12\" height=\"12\" fill=\"{}\"/>",
            WIDTH - 164.0,
            who.colour
        );
        let _ = writeln!(out, "<text x=\"{:.1}\" y=\"{:.1}\" {INK}>{}</text>", WIDTH - 146.0, at + 11.0, who.label);
    }
    out.push_str("</svg>\n");
    Some(out)
}
