//! Drawing: lines or bars with axes, as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;
/// Marks on an axis, about.
const MARKS: f64 = 5.0;
/// Readable on white and told apart by most who do not see all colours (Okabe and Ito 2008).
const COLOURS: [&str; 5] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9"];

/// A chart of several rows of points.
pub(super) struct Chart {
    pub title: String,
    pub across: &'static str,
    pub up: &'static str,
    /// Whether equal steps across are equal factors.
    pub by_factors: bool,
    /// Whether points are drawn as bars.
    pub bars: bool,
    pub rows: Vec<(String, Vec<(f64, f64)>)>,
}

/// Where a value lies on an axis.
struct Axis {
    from: f64,
    to: f64,
    by_factors: bool,
}

impl Axis {
    fn place(&self, value: f64) -> f64 {
        let scale = |v: f64| if self.by_factors { v.max(f64::MIN_POSITIVE).ln() } else { v };
        let (from, to) = (scale(self.from), scale(self.to));
        if to > from { (scale(value) - from) / (to - from) } else { 0.5 }
    }

    /// Returns round values to mark.
    fn marks(&self) -> Vec<f64> {
        if self.by_factors {
            let (first, last) = (self.from.log10().floor() as i32, self.to.log10().ceil() as i32);
            let inside = |value: &f64| (self.from * 0.999..=self.to * 1.001).contains(value);
            return (first..=last).map(|power| 10f64.powi(power)).filter(inside).collect();
        }
        let rough = (self.to - self.from) / MARKS;
        if rough <= 0.0 {
            return vec![self.from];
        }
        let unit = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].iter().map(|n| n * unit).find(|step| *step >= rough).unwrap_or(rough);
        let first = (self.from / step).ceil() as i64;
        (first..).map(|n| n as f64 * step).take_while(|value| *value <= self.to * 1.0001).collect()
    }
}

impl Chart {
    /// Draws the chart.
    pub(super) fn svg(&self) -> String {
        let points = || self.rows.iter().flat_map(|(_, points)| points.iter().copied());
        let most = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::NEG_INFINITY, f64::max);
        let from = points().map(|(x, _)| x).fold(f64::INFINITY, f64::min);
        let to = most(&mut points().map(|(x, _)| x));
        let half = if self.bars { 0.5 } else { 0.0 };
        let across = Axis { from: from - half, to: to + half, by_factors: self.by_factors };
        let top = most(&mut points().map(|(_, y)| y)).max(f64::MIN_POSITIVE);
        let up = Axis { from: 0.0, to: if top > 1e-300 { top * 1.05 } else { 1.0 }, by_factors: false };
        let mut out = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
             font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
             <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{}</text>\n",
            escaped(&self.title)
        );
        if from.is_finite() {
            self.axes(&mut out, &across, &up);
            self.rows.iter().enumerate().for_each(|(i, row)| self.row(&mut out, &across, &up, i, row));
        } else {
            let _ = writeln!(out, "<text x=\"{LEFT}\" y=\"{}\">nothing was measured</text>", HEIGHT / 2.0);
        }
        out.push_str("</svg>\n");
        out
    }

    fn axes(&self, out: &mut String, across: &Axis, up: &Axis) {
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        // Writing to a string cannot fail.
        let _ = writeln!(out, "<path d=\"M{LEFT} {TOP}V{bottom}H{right}\" fill=\"none\" stroke=\"#444\"/>");
        for mark in across.marks() {
            let x = x(across.place(mark));
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                bottom + 18.0,
                short(mark)
            );
        }
        for mark in up.marks() {
            let y = y(up.place(mark));
            let _ = writeln!(out, "<path d=\"M{LEFT} {y:.1}H{right}\" stroke=\"#ddd\"/>");
            let _ = writeln!(
                out,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                y + 4.0,
                short(mark)
            );
        }
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            (LEFT + right) / 2.0,
            HEIGHT - 18.0,
            escaped(self.across)
        );
        let _ =
            writeln!(out, "<text x=\"{LEFT}\" y=\"{}\" text-anchor=\"middle\">{}</text>", TOP - 10.0, escaped(self.up));
    }

    fn row(
        &self,
        out: &mut String,
        across: &Axis,
        up: &Axis,
        number: usize,
        (name, points): &(String, Vec<(f64, f64)>),
    ) {
        let colour = COLOURS[number % COLOURS.len()];
        let places: Vec<(f64, f64)> = points.iter().map(|(px, py)| (x(across.place(*px)), y(up.place(*py)))).collect();
        if self.bars {
            let width = 0.8 * (x(across.place(1.0)) - x(across.place(0.0)));
            for (px, py) in &places {
                let (left, height) = (px - width / 2.0, HEIGHT - BOTTOM - py);
                let _ = writeln!(
                    out,
                    "<rect x=\"{left:.1}\" y=\"{py:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{colour}\"/>"
                );
            }
        } else {
            let line: Vec<String> = places.iter().map(|(px, py)| format!("{px:.1},{py:.1}")).collect();
            let _ = writeln!(
                out,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                line.join(" ")
            );
            // Few points are measurements of their own; many are a line.
            for (px, py) in places.iter().filter(|_| places.len() <= 20) {
                let _ = writeln!(out, "<circle cx=\"{px:.1}\" cy=\"{py:.1}\" r=\"3\" fill=\"{colour}\"/>");
            }
        }
        if self.rows.len() > 1 {
            let left = LEFT + 110.0 + 130.0 * number as f64;
            let _ = writeln!(out, "<text x=\"{left}\" y=\"{}\" fill=\"{colour}\">{}</text>", TOP - 10.0, escaped(name));
        }
    }
}

fn x(part: f64) -> f64 {
    LEFT + part * (WIDTH - LEFT - RIGHT)
}

fn y(part: f64) -> f64 {
    HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)
}

fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 1e6 => {
            format!("{:.3}M", value / 1e6).trim_end_matches(['0', 'M']).trim_end_matches('.').to_owned() + "M"
        }
        v if v >= 1.0 || v == 0.0 => format!("{value:.1}").trim_end_matches('0').trim_end_matches('.').to_owned(),
        _ => format!("{value:.3}"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(rows: &[&[(f64, f64)]]) -> Chart {
        let rows = rows.iter().enumerate().map(|(i, points)| (format!("row {i}"), points.to_vec())).collect();
        Chart { title: "a < b & c".to_owned(), across: "x", up: "y", by_factors: false, bars: false, rows }
    }

    #[test]
    fn every_point_is_inside_and_texts_are_escaped() {
        let svg = chart(&[&[(0.0, 0.0), (5.0, 100.0), (10.0, 50.0)], &[(0.0, 7.0)]]).svg();
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>") && svg.contains("a &lt; b &amp; c"));
        assert_eq!((svg.matches("<polyline").count(), svg.matches("<circle").count()), (2, 4));
        let inside = |attribute: &str, from: f64, to: f64| {
            let values = svg.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()?.parse::<f64>().ok());
            values.for_each(|value| assert!((from..=to).contains(&value), "{attribute}{value}"));
        };
        inside("cx=\"", LEFT, WIDTH - RIGHT);
        inside("cy=\"", TOP, HEIGHT - BOTTOM);
    }

    #[test]
    fn nothing_and_one_point_are_drawn_too() {
        assert!(chart(&[]).svg().contains("nothing was measured"));
        let one = chart(&[&[(3.0, 0.0)]]).svg();
        assert!(one.contains("<circle") && !one.contains("NaN") && !one.contains("inf"), "{one}");
    }

    #[test]
    fn marks_are_round() {
        let marks = |from, to, by_factors| Axis { from, to, by_factors }.marks();
        assert_eq!(marks(0.0, 10.0, false), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(marks(100.0, 100_000.0, true), [100.0, 1000.0, 10_000.0, 100_000.0]);
        assert_eq!(["0", "0.050", "3.5", "1.5M"].map(str::to_owned), [0.0, 0.05, 3.5, 1.5e6].map(short));
    }
}
