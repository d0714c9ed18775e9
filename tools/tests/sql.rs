//! Promise: `barrow sql` answers on the command line what the bundle holds, in every format.
//!
//! Method: the command of this build ingests a small CSV file; its answers are compared with the text.

use std::path::Path;
use std::process::{Command, Output};

fn barrow(root: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_barrow"));
    command.env("NO_COLOR", "1").env("BARROW_ROOT", root.join("root")).current_dir(root);
    command.args(args).output().expect("the command runs")
}

fn text(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn answers_and_refusals() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let rows =
        "symbol,date,close,volume\nA,2012-01-03,1.5,10\nA,2012-01-04,2.5,20\nB,2012-01-03,7,5\n";
    std::fs::write(root.join("t.csv"), rows).expect("a file");
    text(&barrow(root, &["ingest", "us-daily", "t.csv"]));
    let sum = "select symbol, sum(volume) as shares from us_daily group by symbol order by symbol";
    let csv = text(&barrow(root, &["sql", sum, "--format", "csv"]));
    assert_eq!(csv, "symbol,shares\nA,30.0\nB,5.0\n");
    let json = text(&barrow(root, &["sql", sum, "--json"]));
    assert_eq!(
        json,
        "{\"rows\":[{\"symbol\":\"A\",\"shares\":30.0},{\"symbol\":\"B\",\"shares\":5.0}]}\n"
    );
    let table = text(&barrow(root, &["sql", sum]));
    assert!(table.contains("| A      | 30.0   |"), "{table}");
    let plan =
        text(&barrow(root, &["sql", "--explain", "select close from us_daily where symbol = 'A'"]));
    assert!(plan.contains("BundleScan: us-daily@") && plan.contains("rows=2 of 3"), "{plan}");
    for out in ["t.parquet", "t.arrow"] {
        let all = "select symbol, time, close from us_daily";
        text(&barrow(root, &["sql", all, "--out", out]));
        let again = text(&barrow(root, &["ingest", "again", out]));
        assert!(again.contains("3 rows of 2 assets"), "{again}");
    }
    let wrong = barrow(root, &["sql", "select * from us_weekly"]);
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(said.contains("hint: the tables are `again`, `us_daily`"), "{said}");
    let change = barrow(root, &["sql", "drop table us_daily"]);
    assert_eq!(change.status.code(), Some(2));
}
