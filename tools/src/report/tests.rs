use super::*;

const DAY: i64 = 86_400_000_000_000;

/// A page with everything on it: ten years of a seeded walk, and a grid of trials.
fn sample() -> Report {
    let mut state = 7u64;
    let mut draw = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(1u32 << 31) - 0.5
    };
    let mut value = 100_000.0;
    let equity: Vec<Point> = (0..2520)
        .map(|bar| {
            value *= 1.0 + 0.0004 + 0.02 * draw();
            ((11_000 + bar * 7 / 5) * DAY, value)
        })
        .collect();
    let long = equity.iter().map(|(time, value)| (*time, (value / 3e5).min(1.0))).collect();
    let short = equity.iter().map(|(time, value)| (*time, -(value / 9e5).min(0.3))).collect();
    let cell = |text: &str| text.to_owned();
    let table = Table {
        heading: "Fills".to_owned(),
        note: "the last 2 of 3".to_owned(),
        columns: vec![Head::new("asset", CellKind::Text), Head::new("profit", CellKind::Gain)],
        rows: vec![vec![cell("<AAPL>"), cell("-12.50")], vec![cell("IBM"), cell("1,000.00")]],
    };
    let run = RunSection {
        heading: "sma-cross".to_owned(),
        tiles: vec![
            Tile {
                name: cell("Total return"),
                value: cell("-12.3%"),
                note: cell("x"),
                mood: Mood::Bad
            };
            4
        ],
        cash: 100_000.0,
        equity,
        long,
        short,
        metrics: vec![Fact::new("Sharpe", "1.23")],
        assets: table.clone(),
        trades: table.clone(),
        fills: table.clone(),
        ..RunSection::default()
    };
    let axis = |name: &str, count: usize| Axis {
        name: name.to_owned(),
        values: (0..count).map(|value| value.to_string()).collect(),
    };
    let mut trials = Vec::new();
    for (x, y, z) in (0..80).flat_map(|x| (0..9).flat_map(move |y| (0..3).map(move |z| (x, y, z))))
    {
        trials.push(TrialPoint { places: vec![x, y, z], objective: draw() });
    }
    trials[5].objective = f64::NAN;
    let sweep = SweepSection {
        heading: "Sweep".to_owned(),
        objective: "Sharpe".to_owned(),
        axes: vec![axis("fast", 80), axis("slow", 9), axis("k", 3)],
        trials,
        best: table,
        ..SweepSection::default()
    };
    Report {
        title: "sma-cross on <demo>".to_owned(),
        sections: vec![Section::Run(Box::new(run)), Section::Sweep(Box::new(sweep))],
        footer: vec![Fact::new("Version", "0123")],
        ..Report::default()
    }
}

#[test]
fn the_page_stands_alone_and_is_ascii() {
    let page = sample().render();
    assert!(page.is_ascii());
    for outside in ["http://", "https://", "src=", "href=", "@import", "url("] {
        assert!(!page.contains(outside), "the page asks for something outside: {outside}");
    }
    assert!(page.contains("sma-cross on &lt;demo&gt;") && !page.contains("<demo>"));
    assert!(page.contains("&lt;AAPL&gt;"));
}

#[test]
fn every_part_is_on_the_page() {
    let page = sample().render();
    for part in [
        "<b>Equity</b>",
        "<b>Drawdown</b>",
        "<b>Exposure</b>",
        "<b>Returns by month</b>",
        "<b>Metrics</b>",
        "<b>Sharpe by fast and slow</b> <span>best over k</span>",
        "<b>Sharpe by slow and k</b> <span>best over fast</span>",
        "<b>Distribution of Sharpe</b> <span>2,159 trials</span>",
        "<td class=\"n loss\">&minus;12.50</td>",
        "<td class=\"n gain\">1,000.00</td>",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("NaN"), "a value that is not there is not drawn");
}

#[test]
fn the_page_balances_its_tags() {
    let page = sample().render();
    for tag in ["section", "figure", "div", "table", "tr", "td", "span", "svg", "i", "b"] {
        let opened =
            page.matches(&format!("<{tag} ")).count() + page.matches(&format!("<{tag}>")).count();
        let closed = page.matches(&format!("</{tag}>")).count();
        assert_eq!(opened, closed, "<{tag}>");
    }
}

#[test]
fn long_axes_are_drawn_in_groups() {
    let page = sample().render();
    assert!(page.contains("--columns:64;--rows:9"));
    assert_eq!(page, sample().render(), "the same description gives the same page");
}

#[test]
fn nothing_at_all_is_still_a_page() {
    let empty = Report {
        sections: vec![
            Section::Run(Box::default()),
            Section::Sweep(Box::new(SweepSection {
                axes: vec![Axis::default()],
                ..SweepSection::default()
            })),
        ],
        ..Report::default()
    };
    assert!(empty.render().ends_with("</html>\n"));
}
