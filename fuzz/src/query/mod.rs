//! Queries against a naive model: bundles and queries drawn from bytes, answered by the library and row by row.

mod aggregate;
mod draw;
mod expr;
mod market;
mod model;
mod stored;

use std::path::Path;

use barrow_format::LogicalType;
use barrow_store::query::{
    Answer, AsOf, AssetChoice, BATCH_ROWS, Batch, Header, Keys, Meant, MetadataCondition, Per,
    Period, Plan, Query, Skipping,
};
use barrow_store::{DecodedCache, Lease};

use self::draw::Draw;
use self::expr::{Cond, Expr};
use self::market::{COLUMNS, Market, OTHER_COLUMNS};
use self::model::{Model, Row};
use self::stored::Storage;

/// What decoded series may take: little, since each run decodes others.
pub(crate) const CACHE_BYTES: usize = 1 << 26;

/// Any bytes as a bundle and a query: the answer is that of the naive model, bit for bit the same at any number of
/// threads, with or without skipping, and however the bundle is stored.
///
/// # Panics
///
/// When that does not hold.
pub fn query_plan(input: &[u8]) {
    DecodedCache::global().set_budget_bytes(CACHE_BYTES);
    let mut draw = Draw::over(input);
    let market = Market::draw(&mut draw, "A");
    let other = draw.one_in(3).then(|| Market::draw(&mut draw, "B"));
    let model = Model::draw(&mut draw, market, other);
    let (folder, storage) = (folder(), Storage::OTHERS[draw.below(5)]);
    let (query, lease) = model.query(folder.path(), "raw", Storage::RAW);
    let plan = query.plan(&lease).expect("a query that can be planned");
    let found = plan.collect().expect("an answer");
    for (threads, skipping) in [(1, Skipping::Off), (3, Skipping::On), (2, Skipping::Off)] {
        let other = Query { threads, skipping, ..query.clone() }.plan(&lease).expect("a plan");
        let again = other.collect().expect("an answer");
        assert!(same_bits(&found, &again), "{query:?} with {threads} threads and {skipping:?}");
    }
    let (again, stored) = model.query(folder.path(), "stored", storage);
    assert_eq!(stored.version(), lease.version(), "the same content, {storage:?}");
    let stored = again.plan(&stored).expect("a plan").collect().expect("an answer");
    assert!(same_bits(&found, &stored), "{query:?} over {storage:?}");
    check_streams(&plan, &found);
    plan.explain().expect("an explanation");
    compare(&query, &rows_of(plan.header(), &found), &model.answer());
}

/// A folder, in memory where the machine offers that: flushing costs nothing there.
pub(crate) fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary folder")
}

/// Whether two batches have the same rows to the last bit.
fn same_bits(one: &Batch, other: &Batch) -> bool {
    let values = |batch: &Batch| -> Vec<Vec<u8>> {
        batch.columns.iter().map(|data| data.values().as_bytes().to_vec()).collect()
    };
    (one.rows, &one.runs, &one.time) == (other.rows, &other.runs, &other.time)
        && values(one) == values(other)
}

/// Batches are of bounded size and together the whole answer, as Arrow too.
fn check_streams(plan: &Plan, whole: &Batch) {
    let mut rows = 0;
    for (batch, record) in plan.batches().zip(plan.record_batches()) {
        let (batch, record) = (batch.expect("a batch"), record.expect("a record batch"));
        assert!((1..=BATCH_ROWS).contains(&batch.rows), "{} rows", batch.rows);
        assert_eq!(record.num_rows(), batch.rows);
        assert_eq!(record.schema(), plan.header().arrow_schema());
        rows += batch.rows;
    }
    assert_eq!(rows, whole.rows);
    assert_eq!(plan.record_batches().count(), plan.batches().count());
}

/// A batch row by row.
fn rows_of(header: &Header, batch: &Batch) -> Vec<Row> {
    let mut assets = batch.assets();
    let row = |row: usize| Row {
        symbol: assets.next().and_then(|place| Some(header.symbols.as_ref()?[place].clone())),
        time: batch.time.get(row).copied(),
        values: (batch.columns.iter().zip(&header.columns))
            .map(|(data, column)| expr::number(data.values(), row) / scale(column.logical))
            .collect(),
        scales: Vec::new(),
    };
    (0..batch.rows).map(row).collect()
}

/// What stored decimals are divided by.
fn scale(logical: LogicalType) -> f64 {
    match logical {
        LogicalType::Decimal { scale } => 10f64.powi(scale.into()),
        _ => 1.0,
    }
}

fn compare(query: &Query, found: &[Row], expected: &[Row]) {
    let near = |a: f64, b: f64, scale: Option<&f64>| {
        let is_same = a == b || (a.is_nan() && b.is_nan());
        // What is computed of very large values overflows in one order of summation and not in another.
        is_same
            || scale.is_some_and(|scale| {
                *scale > 1e100 || (a - b).abs() <= 1e-9 * (1.0 + a.abs() + scale)
            })
    };
    for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
        let is_same = found.symbol == expected.symbol
            && found.time == expected.time
            && found.values.len() == expected.values.len()
            && (0..found.values.len())
                .all(|i| near(found.values[i], expected.values[i], expected.scales.get(i)));
        assert!(is_same, "row {place} of {query:?}:\nfound    {found:?}\nexpected {expected:?}");
    }
    assert_eq!(found.len(), expected.len(), "rows of {query:?}");
}

impl Model {
    /// The query, and the bundle to ask, stored like this below a catalog's root; so is the one that is joined on.
    fn query(&self, root: &Path, name: &str, storage: Storage) -> (Query, Lease) {
        let lease = self.market.lease(root, name, storage);
        let asof = self.other.as_ref().map(|other| AsOf {
            lease: other.market.lease(root, &format!("{name}.other"), storage),
            name: "B".to_owned(),
            symbol: other.symbol.clone(),
            tolerance_ns: other.tolerance_ns,
        });
        let group = self.group.map(|(pattern, meant)| MetadataCondition {
            member: "group".to_owned(),
            pattern: pattern.to_owned(),
            meant,
        });
        let query = Query {
            assets: AssetChoice {
                symbols: self.symbols.clone(),
                metadata: group.into_iter().collect(),
            },
            from_ns: self.from_ns,
            to_ns: self.to_ns,
            resample: self.resample,
            session_start_ns: self.session_start_ns,
            asof,
            filter: self.filter.as_ref().map(Cond::text),
            columns: Vec::new(),
            select: Some(self.select.iter().map(Expr::text).collect::<Vec<_>>().join(", ")),
            answer: self.answer.clone(),
            limit: self.limit,
            threads: 1,
            skipping: Skipping::On,
        };
        (query, lease)
    }

    fn draw(draw: &mut Draw<'_>, market: Market, other: Option<Market>) -> Self {
        let other = other.map(|market| model::Other {
            symbol: market.assets.first().filter(|_| draw.one_in(3)).map(|a| a.symbol.clone()),
            tolerance_ns: draw.one_in(2).then(|| i64::from(draw.byte()) * market.step_ns() / 8),
            market,
        });
        let columns: Vec<String> = COLUMNS[1..]
            .iter()
            .map(|name| (*name).to_owned())
            .chain(other.iter().flat_map(|_| OTHER_COLUMNS.map(str::to_owned)))
            .collect();
        let mut time = || draw.one_in(2).then(|| market.any_time(draw));
        let (from_ns, to_ns) = (time(), time());
        let resample = draw.one_in(3).then(|| market.any_period(draw, None));
        let session_start_ns = [0, 0, 17, 9][draw.below(4)] * 3_600_000_000_000;
        let pattern = ["*", "A?", "A0", "*1"][draw.below(4)];
        let symbols = match (draw.below(3), market.matches(pattern)) {
            (0, true) => vec![pattern.to_owned()],
            _ => Vec::new(),
        };
        let filter = draw.one_in(2).then(|| Cond::draw(draw, &columns, 3));
        let select = (0..=draw.below(3)).map(|_| Expr::draw(draw, &columns, 3)).collect();
        let select = model::distinct(select);
        let answer = draw_answer(draw, &market, &columns, resample);
        let limit = draw.one_in(4).then(|| draw.below(30));
        let group = draw.one_in(4).then(|| {
            let meant = if draw.one_in(2) { Meant::Equal } else { Meant::Unequal };
            (["G0", "G*", "X"][draw.below(3)], meant)
        });
        Self {
            market,
            other,
            symbols,
            group,
            from_ns,
            to_ns,
            resample,
            session_start_ns,
            filter,
            select,
            aggregates: answer.1,
            ranked: answer.2,
            answer: answer.0,
            limit,
        }
    }
}

type Drawn = (Answer, Vec<(&'static str, Option<Expr>)>, Option<Expr>);

fn draw_answer(
    draw: &mut Draw<'_>,
    market: &Market,
    columns: &[String],
    resampled: Option<Period>,
) -> Drawn {
    match draw.below(8) {
        0 => (Answer::Latest, Vec::new(), None),
        1 => {
            let value = Expr::draw(draw, columns, 2);
            (Answer::Panel { value: value.text() }, Vec::new(), Some(value))
        }
        2 | 3 => {
            let by = Expr::draw(draw, columns, 2);
            let per = if draw.one_in(2) { Per::All } else { Per::Time };
            (Answer::Top { count: draw.below(5), by: by.text(), per }, Vec::new(), Some(by))
        }
        4..=6 => {
            let period = market.any_period(draw, resampled);
            let by = [Keys::Whole, Keys::Asset, Keys::Period(period), Keys::AssetAndPeriod(period)]
                [draw.below(4)];
            let names = [
                "count", "sum", "mean", "min", "max", "first", "last", "std", "median", "vwap",
                "rows",
            ];
            let aggregates: Vec<(&str, Option<Expr>)> = (0..=draw.below(3))
                .map(|_| match names[draw.below(names.len())] {
                    "rows" => ("count", None),
                    name => (name, Some(Expr::draw(draw, columns, 2))),
                })
                .collect();
            let text = aggregates.iter().enumerate().map(|(place, (name, inner))| {
                let inner = inner.as_ref().map_or("*".to_owned(), Expr::text);
                format!("[x {place}] = {name}({inner})")
            });
            let aggregates_text = text.collect::<Vec<_>>().join(", ");
            (Answer::Groups { by, aggregates: aggregates_text }, aggregates, None)
        }
        _ => (Answer::Rows, Vec::new(), None),
    }
}
