//! The same content gives the same bytes, however it arrives and however the work is done; work that is
//! stopped leaves nothing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;

/// A market of assets in long rows, some of them bad, as text of a source.
fn market(assets: usize, sessions: usize) -> String {
    let mut text = String::from("date,symbol,open,high,low,close,volume,vwap\n");
    for session in 0..sessions {
        for asset in 0..assets {
            if (session * 7 + asset) % 5 == 0 {
                continue;
            }
            let (year, month, day) =
                (2000 + session / 336, session / 28 % 12 + 1, session % 28 + 1);
            let close = 100 + (session * 31 + asset * 17) % 50;
            let vwap = if session % 3 == 0 { String::new() } else { format!("{close}.25") };
            let (high, low) = (close + 1, close - 1);
            let row = format!(
                "{year}-{month:02}-{day:02},S{asset:03},{close},{high},{low},{close}.5,{session},{vwap}\n"
            );
            text.push_str(&row);
        }
    }
    text
}

fn with_memory(memory: u64) -> IngestOptions {
    IngestOptions { memory, ..IngestOptions::default() }
}

#[test]
fn sorting_on_disk_gives_the_same_bytes() {
    let place = Place::new();
    place.write("long.csv", market(40, 120));
    place.try_run("memory", &["long.csv"], IngestOptions::default()).unwrap();
    // From many small runs, merged in several passes, to one run.
    for memory in [1, 20_000, 200_000] {
        let options = IngestOptions { threads: Some(2), ..with_memory(memory) };
        let summary = place.try_run("disk", &["long.csv"], options).unwrap();
        assert_eq!(summary.rows, 3840);
        assert_eq!(place.part("disk"), place.part("memory"), "with {memory} bytes");
    }
    let root = place.path("root").display().to_string();
    let left = names_below(&place.path("root"));
    let hidden = |name: &&String| name.trim_start_matches(&root).contains("/.");
    assert_eq!(left.iter().find(hidden), None);
}

#[test]
fn sorting_on_disk_sets_the_same_rows_aside() {
    let place = Place::new();
    let mut text = market(10, 40);
    text.push_str(
        "2000-01-02,S001,1,2,1,2,3,\n2000-01-03,S001,x,2,1,2,3,\n2000-01-02,S001,1,2,1,2,9,\n",
    );
    place.write("long.csv", &text).write("more.csv", text.replace("S00", "T00"));
    let lenient = |memory| IngestOptions { mode: Mode::Lenient, ..with_memory(memory) };
    let told = |name: &str, memory: u64| {
        let summary = place.try_run(name, &["more.csv", "long.csv"], lenient(memory)).unwrap();
        let rejects = fs::read_to_string(place.path("rejects.csv")).unwrap();
        (summary.rows, summary.rejected, rejects, place.part(name))
    };
    let (memory, disk) = (told("memory", 1 << 30), told("disk", 1));
    assert_eq!((memory.0, memory.1, &memory.2), (disk.0, disk.1, &disk.2));
    assert!(memory.3 == disk.3);
    let strict = |memory| {
        let options = with_memory(memory);
        place.try_run("strict", &["long.csv"], options).unwrap_err().to_string()
    };
    assert_eq!(strict(1 << 30), strict(1));
    place.write("a/S.csv", "date,close\n2020-01-02,1\n2020-01-03,1\n");
    place.write("b/S.csv", "date,close\n2020-01-03,1\n2020-01-06,1\n");
    let twice = |memory| {
        let options = with_memory(memory);
        place.try_run("strict", &["b", "a"], options).unwrap_err().to_string()
    };
    assert!(twice(1).starts_with("`b/S.csv` line 2"), "{}", twice(1));
    assert_eq!(twice(1 << 30), twice(1));
}

#[test]
fn neither_order_nor_threads_nor_arrangement_change_the_version() {
    let place = Place::new();
    let mut versions = Vec::new();
    for file in 0..6 {
        let rows = (1..20).map(|day| format!("2020-01-{day:02},{}\n", file * 100 + day));
        place.write(
            &format!("each/S{file}.csv"),
            format!("date,close\n{}", rows.collect::<String>()),
        );
    }
    let sources =
        ["each/S0.csv", "each/S1.csv", "each/S2.csv", "each/S3.csv", "each/S4.csv", "each/S5.csv"];
    let mut parts = Vec::new();
    for (turn, threads) in [(0, 1), (1, 2), (3, 3), (5, 4)] {
        let mut turned = sources;
        turned.rotate_left(turn);
        let options = IngestOptions { threads: Some(threads), ..IngestOptions::default() };
        versions.push(place.try_run("bars", &turned, options).unwrap().version);
        parts.push(place.part("bars"));
    }
    assert!(parts.windows(2).all(|pair| pair[0] == pair[1]));
    // The same rows in a long file, by date and backwards, and in a zip.
    let mut long: Vec<String> = (0..6)
        .flat_map(|file| {
            (1..20).map(move |day| format!("2020-01-{day:02},S{file},{}\n", file * 100 + day))
        })
        .collect();
    place.write("long.csv", format!("date,symbol,close\n{}", long.concat()));
    long.sort();
    place.write("dates.csv.gz", gzip(format!("date,symbol,close\n{}", long.concat())));
    long.reverse();
    place.write(
        "back.csv",
        format!("symbol,date,close\n{}", {
            let turn = |row: &String| {
                let fields: Vec<&str> = row.trim().split(',').collect();
                format!("{},{},{}\n", fields[1], fields[0], fields[2])
            };
            long.iter().map(turn).collect::<String>()
        }),
    );
    for source in ["long.csv", "dates.csv.gz", "back.csv"] {
        let options = IngestOptions { sort: source == "back.csv", ..IngestOptions::default() };
        let summary = place.try_run("bars", &[source], options).unwrap();
        assert!(summary.unchanged, "{source}");
        versions.push(summary.version);
    }
    assert!(versions.windows(2).all(|pair| pair[0] == pair[1]), "{versions:?}");
    // And a single price makes another version.
    place.write(
        "long.csv",
        format!("date,symbol,close\n{}", long.concat().replace(",501\n", ",501.01\n")),
    );
    let options = IngestOptions { sort: true, ..IngestOptions::default() };
    assert_ne!(place.try_run("bars", &["long.csv"], options).unwrap().version, versions[0]);
}

#[test]
fn a_file_read_in_pieces_is_the_file() {
    let place = Place::new();
    let mut text = String::from("time,symbol,open,high,low,close,volume\n");
    let day = |minute: usize| {
        format!("2020-01-{:02} {:02}:{:02}:00", minute / 1440 + 1, minute / 60 % 24, minute % 60)
    };
    let rows: Vec<String> = (0..16)
        .flat_map(|asset| {
            (0..25_000).map(move |minute| {
                let close = 1000 + minute % 97;
                format!(
                    "{},SYMBOL{asset:02},{close}.25,{close}.5,{close},{close}.25,{minute}\n",
                    day(minute)
                )
            })
        })
        .collect();
    text.push_str(&rows.concat());
    assert!(text.len() > 20 << 20);
    place.write("pieces.csv", &text).write("stream.csv.gz", gzip(&text));
    let pieces = place.try_run("pieces", &["pieces.csv"], IngestOptions::default()).unwrap();
    let stream = place.try_run("stream", &["stream.csv.gz"], IngestOptions::default()).unwrap();
    assert_eq!((pieces.rows, &pieces.version), (stream.rows, &stream.version));
    // A bad row in the last piece has the line that an editor shows.
    let bad = rows.len() - 2;
    let cut = text.rfind("2020-01").unwrap();
    let cut = text[..cut].rfind("2020-01").unwrap();
    let broken = format!("{}oops{}", &text[..cut], &text[cut + 4..]);
    place.write("pieces.csv", broken);
    let error = place.try_run("pieces", &["pieces.csv"], IngestOptions::default()).unwrap_err();
    assert!(
        error.to_string().starts_with(&format!("`pieces.csv` line {}, column `time`", bad + 2)),
        "{error}"
    );
    // A row that is earlier than those of another piece is out of order.
    let wrong = format!("{text}2020-01-01 00:00:00,SYMBOL00,1,1,1,1,1\n");
    place.write("pieces.csv", wrong);
    let error = place.try_run("pieces", &["pieces.csv"], IngestOptions::default()).unwrap_err();
    let expected = format!("`pieces.csv` line {}, column `time`", rows.len() + 2);
    assert!(error.to_string().starts_with(&expected), "{error}");
}

/// Interrupts after a number of questions.
struct Impatient {
    asked: AtomicU64,
    after: u64,
}

impl Progress for Impatient {
    fn begin(&self, _phase: Phase, _total: u64) {}

    fn advance(&self, _units: u64) {}

    fn note(&self, _text: &str) {}

    fn interrupted(&self) -> bool {
        self.asked.fetch_add(1, Ordering::Relaxed) >= self.after
    }
}

#[test]
fn an_interruption_at_any_moment_leaves_no_trace() {
    let place = Place::new();
    place.write("long.csv", market(4, 30)).write("long2.csv", market(4, 30).replace(",S", ",Z"));
    let sources = [place.path("long.csv"), place.path("long2.csv")];
    for memory in [1 << 30, 1] {
        let mut finished = false;
        for after in 0..200 {
            let name = format!("bars{memory}");
            let progress = Impatient { asked: AtomicU64::new(0), after };
            let options = IngestOptions { threads: Some(2), ..with_memory(memory) };
            match run(&place.catalog(), &name, &sources, &options, &progress) {
                Err(IngestError::Interrupted) => {
                    let left = names_below(&place.path("root").join(&name));
                    assert!(left.is_empty(), "after {after}: {left:?}");
                }
                Ok(_) => {
                    finished = true;
                    break;
                }
                Err(error) => panic!("{error}"),
            }
        }
        assert!(finished, "the run is never asked often enough to end");
    }
}

/// Remembers the phases of a run.
#[derive(Default)]
struct Phases(Mutex<Vec<Phase>>);

impl Progress for Phases {
    fn begin(&self, phase: Phase, _total: u64) {
        self.0.lock().unwrap().push(phase);
    }

    fn advance(&self, _units: u64) {}

    fn note(&self, _text: &str) {}

    fn interrupted(&self) -> bool {
        false
    }
}

/// Writes files of one asset each; `change` may alter the text of one.
fn write_each(place: &Place, change: impl Fn(usize, String) -> String) {
    for file in 0..12 {
        let rows = (1..29).map(|day| format!("2020-01-{day:02},{}.5,{day}\n", file * 100 + day));
        let text = format!("date,close,volume\n{}", rows.collect::<String>());
        place.write(&format!("each/S{file:02}.csv"), change(file, text));
    }
}

#[test]
fn files_written_as_they_are_parsed_give_the_same_bytes() {
    let both = |change: &dyn Fn(usize, String) -> String| {
        let place = Place::new();
        write_each(&place, change);
        let direct = place.try_run("direct", &["each"], IngestOptions::default());
        // Sorting needs all rows before the first is written.
        let sorted = IngestOptions { sort: true, ..IngestOptions::default() };
        let memory = place.try_run("memory", &["each"], sorted);
        let (direct, memory) = (direct.unwrap(), memory.unwrap());
        assert_eq!((direct.rows, direct.assets), (memory.rows, memory.assets));
        assert!(place.part("direct") == place.part("memory"));
        direct.frequency
    };
    assert_eq!(both(&|_, text| text), "daily");
    // Counts of lines that are not counts of rows, and a first file that does not tell the frequency.
    assert_eq!(both(&|file, text| if file == 7 { text + "\n\n" } else { text }), "daily");
    assert_eq!(
        both(&|file, text| if file == 3 { text.replacen('\n', "\n\n", 1) } else { text }),
        "daily"
    );
    let first_is_weekly = |file, text: String| {
        if file == 0 {
            "date,close,volume\n2020-01-03,1,1\n2020-01-10,2,2\n".to_owned()
        } else {
            text
        }
    };
    assert_eq!(both(&first_is_weekly), "daily");
    let without_last_end = |_, text: String| text.trim_end().to_owned();
    assert_eq!(both(&without_last_end), "daily");
    let minutes = |file: usize, _| {
        let row = |minute| format!("2020-01-02 09:{minute}:00,{},{minute}\n", file * 100 + minute);
        format!("date,close,volume\n{}", (10..59).map(row).collect::<String>())
    };
    assert_eq!(both(&minutes), "1m");
    // And rows were not held in memory, where they need not be.
    let place = Place::new();
    write_each(&place, |_, text| text);
    let phases = Phases::default();
    let sources = [place.path("each")];
    run(&place.catalog(), "direct", &sources, &IngestOptions::default(), &phases).unwrap();
    assert_eq!(*phases.0.lock().unwrap(), [Phase::Reading, Phase::Publishing]);
}

#[test]
fn files_written_as_they_are_parsed_are_checked_all_the_same() {
    let place = Place::new();
    write_each(&place, |file, text| if file == 9 { text.replace(",20\n", ",-20\n") } else { text });
    let expected = "`each/S09.csv` line 21, column `volume`, value `-20`: volume is negative";
    assert_eq!(place.error(&["each"]), expected);
    write_each(
        &place,
        |file, text| if file == 5 { text.replace("2020-01-05", "2020-01-04") } else { text },
    );
    let expected = "`each/S05.csv` line 6, column `date`, value `2020-01-04`: asset has an earlier row of \
                    the same time";
    assert_eq!(place.error(&["each"]), expected);
    write_each(&place, |_, text| text);
    let sources = [place.path("each")];
    for after in [0, 5, 20, 30, 40] {
        let progress = Impatient { asked: AtomicU64::new(0), after };
        let options = IngestOptions { threads: Some(2), ..IngestOptions::default() };
        let done = run(&place.catalog(), "bars", &sources, &options, &progress);
        assert_eq!(done.is_err(), !place.path("root").exists(), "after {after}");
    }
}
