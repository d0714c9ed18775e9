//! Promise: the pages tell the truth about the command: every option and command that they name exists.
//!
//! Method: options and commands are collected from the code blocks and the text of the pages and looked up
//! in the help of the command itself.

use std::collections::BTreeSet;
use std::fs;

use barrow_tests::{barrow, checkout};

fn help_of(arguments: &[&str]) -> String {
    let output = barrow().args(arguments).arg("--help").output().expect("the command runs");
    assert!(output.status.success(), "`barrow {arguments:?} --help` ends with 0");
    String::from_utf8(output.stdout).expect("help is UTF-8")
}

/// The long options that a text names.
fn options_in(text: &str) -> BTreeSet<String> {
    let is_option = |word: &&str| word.starts_with("--") && word.len() > 3;
    let ends = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    text.split(ends).filter(is_option).map(|word| word.trim_end_matches('-').to_owned()).collect()
}

/// The `barrow COMMAND` lines of a text's shell examples.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let starts = |line: &str| {
        let line = line.trim_start_matches("$ ");
        line.strip_prefix("barrow ").map(str::to_owned)
    };
    text.lines()
        .flat_map(|line| line.split('#').next().unwrap_or_default().split(';'))
        .filter_map(|part| starts(part.trim()))
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

#[test]
fn options_of_ingest_are_on_its_page_and_the_other_way_round() {
    let page = fs::read_to_string(checkout().join("docs/ingest.md")).expect("the page");
    let help = options_in(&help_of(&["ingest"]));
    let named = options_in(&page);
    let unknown: Vec<_> = named.difference(&help).collect();
    assert!(unknown.is_empty(), "docs/ingest.md names options that do not exist: {unknown:?}");
    // Flags of every command, which docs/cli.md describes.
    let everywhere = [
        "--help",
        "--version",
        "--root",
        "--json",
        "--quiet",
        "--verbose",
        "--color",
        "--open",
        "--mount",
        "--verify-reads",
        "--paging",
    ];
    let silent: Vec<_> =
        help.difference(&named).filter(|option| !everywhere.contains(&option.as_str())).collect();
    assert!(silent.is_empty(), "docs/ingest.md does not name {silent:?}");
}

#[test]
fn command_lines_of_the_pages_can_be_typed() {
    for page in
        ["README.md", "docs/ingest.md", "docs/cli.md", "docs/engine-authors.md", "docs/query.md"]
    {
        let text = fs::read_to_string(checkout().join(page)).expect("the page");
        for line in command_lines(&text) {
            let Some(command) =
                line.first().filter(|word| word.chars().all(|c| c.is_ascii_lowercase()))
            else {
                continue;
            };
            let help = options_in(&help_of(&[command.as_str()]));
            for option in options_in(&line.join(" ")) {
                assert!(help.contains(&option), "{page}: `barrow {command}` has no `{option}`");
            }
        }
    }
}

#[test]
fn the_readme_lists_every_command() {
    let help = help_of(&[]);
    for command in [
        "ingest", "ls", "inspect", "history", "prune", "pin", "unpin", "verify", "query", "export",
        "backtest", "sweep", "demo",
    ] {
        assert!(help.contains(&format!("\n  {command}")), "`barrow {command}` is in the help");
    }
}
