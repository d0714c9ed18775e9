//! Promise: the house rules of `CONTRIBUTING.md` hold in every file.
//!
//! Method: read the manifests and every text file of the checkout, and compare with the rules. Each
//! test collects all offences, so that one run shows everything there is to mend.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use barrow_tests::checkout;

/// The layers, lowest first: a crate may depend on what stands before it.
const LAYERS: [&str; 7] = [
    "barrow-format",
    "barrow-store",
    "barrow-engine",
    "barrow-sql",
    "barrow-remote",
    "barrow-tools",
    "barrow-python",
];

/// Crates of the product: they may not use what stands outside.
const LAYER_FOLDERS: [&str; 7] = ["format", "store", "engine", "sql", "remote", "tools", "python"];

const SOURCE_LINES_MAX: usize = 400;

/// Every file of the checkout below `folder`, sorted; build output and version control left out.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the checkout") {
            let path = entry.expect("an entry of a folder").path();
            let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
            if path.is_dir() && !matches!(name, "target" | ".git" | "node_modules" | "__pycache__")
            {
                open.push(path);
            } else if path.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e))
}

/// A path as offences name it: relative to the checkout, with `/`.
fn shown(path: &Path) -> String {
    let root = checkout();
    let relative = path.strip_prefix(&root).unwrap_or(path);
    relative.components().map(|c| c.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn rust_sources() -> Vec<(PathBuf, String)> {
    let folders =
        ["format", "store", "engine", "sql", "remote", "tools", "python", "tests", "bench", "fuzz"];
    let paths = folders.iter().flat_map(|folder| files(&checkout().join(folder)));
    paths
        .filter(|path| has_extension(path, &["rs"]))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source file is UTF-8");
            (path, text)
        })
        .collect()
}

fn assert_none(offences: &[String], rule: &str) {
    assert!(offences.is_empty(), "{rule}:\n{}", offences.join("\n"));
}

/// The names under `[dependencies]`, `[dev-dependencies]` and `[build-dependencies]` of a manifest.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            inside = table.ends_with("dependencies");
            if let Some((_, name)) = table.split_once("dependencies.") {
                names.push(name.to_owned());
            }
        } else if inside
            && !line.starts_with('#')
            && let Some((name, _)) = line.split_once(['=', '.', ' '])
        {
            names.push(name.trim().to_owned());
        }
    }
    names
}

#[test]
fn dependencies_point_down_the_layers() {
    let mut offences = Vec::new();
    for (height, folder) in LAYER_FOLDERS.iter().enumerate() {
        let manifest = fs::read_to_string(checkout().join(folder).join("Cargo.toml"))
            .expect("each layer has a manifest");
        for name in dependencies(&manifest).iter().filter(|name| name.starts_with("barrow-")) {
            let allowed = LAYERS.iter().position(|layer| layer == name).is_some_and(|h| h < height);
            if !allowed {
                offences.push(format!("`{folder}/Cargo.toml` depends on `{name}`"));
            }
        }
    }
    assert_none(&offences, "format <- store <- engine <- tools <- python, and nothing outside");
}

#[test]
fn the_reader_of_manifests_sees_every_kind_of_dependency() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\na = \"1\"\nb.workspace = true\n# c = 1\n\
                    [dev-dependencies]\nd = { path = \"d\" }\n[target.'cfg(unix)'.dependencies]\n\
                    e = \"1\"\n[dependencies.f]\nversion = \"1\"\n[features]\ng = []\n";
    let names = dependencies(manifest);
    for name in ["a", "b", "d", "e", "f"] {
        assert!(names.iter().any(|n| n == name), "`{name}` is missing in {names:?}");
    }
    for name in ["c", "g", "name"] {
        assert!(!names.iter().any(|n| n == name), "`{name}` is no dependency");
    }
}

#[test]
fn the_format_stays_light() {
    let manifest = fs::read_to_string(checkout().join("format/Cargo.toml")).expect("a manifest");
    let own = manifest.split("[dev-dependencies]").next().unwrap_or_default();
    let allowed = ["zerocopy", "sha2", "thiserror", "zstd"];
    let offences: Vec<String> = dependencies(own)
        .into_iter()
        .filter(|name| !allowed.contains(&name.as_str()))
        .map(|name| format!("`format/Cargo.toml` depends on `{name}`"))
        .collect();
    assert_none(&offences, "format depends on zerocopy, sha2, thiserror and zstd alone");
}

#[test]
fn text_is_ascii() {
    let mut offences = Vec::new();
    for path in files(&checkout()) {
        let text = has_extension(&path, &["rs", "toml", "md", "py", "html", "css", "js", "yml"])
            || path.ends_with(".ci/run");
        if !text {
            continue;
        }
        let bytes = fs::read(&path).expect("a file of the checkout");
        for (i, line) in bytes.split(|&b| b == b'\n').enumerate() {
            if let Some(byte) = line.iter().find(|b| !b.is_ascii() || **b == b'\r') {
                offences.push(format!("{}:{}: byte 0x{byte:02x}", shown(&path), i + 1));
            }
        }
    }
    assert_none(&offences, "sources are ASCII with plain line ends");
}

/// Lines of a source file before its test module.
fn lines_without_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0].trim() == "#[cfg(test)]" && pair[1].trim_start().starts_with("mod ")
    });
    tests.unwrap_or(lines.len())
}

#[test]
fn files_are_short() {
    let mut offences = Vec::new();
    for (path, text) in rust_sources() {
        let path = shown(&path);
        let is_test = path.contains("/tests/") || path.starts_with("tests/it/");
        let lines = lines_without_tests(&text);
        if !is_test && lines > SOURCE_LINES_MAX {
            offences.push(format!("{path}: {lines} lines"));
        }
    }
    assert_none(&offences, "a source file has at most 400 lines without its tests");
}

#[test]
fn classes_of_python_are_frozen() {
    let sources = rust_sources();
    let classes = sources.iter().flat_map(|(path, text)| {
        let is_class = |line: &&str| line.starts_with("#[pyclass");
        text.lines().filter(is_class).map(move |line| (path, line))
    });
    let classes: Vec<_> = classes.collect();
    assert!(classes.len() > 10, "classes are found");
    let offences: Vec<String> = classes
        .iter()
        .filter(|(_, line)| !line.starts_with("#[pyclass(frozen"))
        .map(|(path, line)| format!("{}: {line}", shown(path)))
        .collect();
    assert_none(&offences, "threads share objects of Python, so what changes is under a lock");
}

#[test]
fn nothing_is_left_undone() {
    // Spelt in two halves, so that this file does not offend.
    let banned: Vec<String> = [
        ("todo", "!("),
        ("unimplemented", "!("),
        ("#[ig", "nore"),
        ("#[should_", "panic"),
        ("TO", "DO"),
        ("FIX", "ME"),
        ("XX", "X:"),
        ("dbg", "!("),
    ]
    .iter()
    .map(|(a, b)| format!("{a}{b}"))
    .collect();
    let mut offences = Vec::new();
    for (path, text) in rust_sources() {
        for (i, line) in text.lines().enumerate() {
            for word in banned.iter().filter(|word| line.contains(word.as_str())) {
                offences.push(format!("{}:{}: `{word}`", shown(&path), i + 1));
            }
        }
    }
    assert_none(&offences, "nothing is left undone, ignored, or expected to panic");
}

#[test]
fn unsafe_code_is_fenced() {
    let mut offences = Vec::new();
    for folder in ["format", "engine", "sql", "remote", "tools"] {
        let lib = fs::read_to_string(checkout().join(folder).join("src/lib.rs")).expect("a crate");
        if !lib.contains("#![forbid(unsafe_code)]") {
            offences.push(format!("{folder}/src/lib.rs does not forbid unsafe code"));
        }
    }
    let mut fenced: BTreeMap<String, usize> = BTreeMap::new();
    for (path, text) in rust_sources() {
        let path = shown(&path);
        let product = LAYER_FOLDERS.iter().any(|f| path.starts_with(&format!("{f}/")));
        let opens = |line: &str| {
            let code = line.split("//").next().unwrap_or_default();
            ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern \"C\" fn "]
                .iter()
                .any(|w| code.contains(w))
        };
        let sites = text.lines().filter(|line| opens(line)).count();
        if product && sites > 0 {
            let notes = text.matches("SAFETY:").count() + text.matches("# Safety").count();
            if notes < sites {
                offences.push(format!("{path}: {sites} unsafe sites, {notes} proofs"));
            }
            fenced.insert(path, sites);
        }
    }
    let python = ["array", "capsule", "warm"].map(|file| format!("python/src/{file}.rs"));
    let alone = |path: &String| path == "store/arrow2/src/import.rs" || python.contains(path);
    let store = ["disk/mapping", "disk/storing", "reading/arrow"];
    let store = store.map(|file| format!("store/src/{file}.rs"));
    let inside = |path: &String| store.contains(path) || alone(path);
    offences.extend(fenced.keys().filter(|p| !inside(p)).map(|p| format!("{p} is unsafe")));
    assert_none(
        &offences,
        "unsafe code: the mapping, a hint to the device, the Arrow buffer, the arrow2 import, NumPy, Arrow and a hint to the kernel in Python; each proven",
    );
}

/// The names in backticks that look like files of the checkout: with a `/` or a known extension.
fn files_named_in(text: &str) -> Vec<String> {
    let prose: String = {
        let mut fenced = false;
        let keep = |line: &&str| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fence && !fenced
        };
        text.lines().filter(keep).collect::<Vec<_>>().join("\n")
    };
    let quoted = prose.split('`').skip(1).step_by(2).map(str::to_owned);
    let linked = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let folders = [
        "format/", "store/", "engine/", "sql/", "remote/", "tools/", "python/", "tests/", "fuzz/",
        "bench/", "docs/",
    ];
    quoted
        .chain(linked.filter(|to| !to.contains("://") && !to.starts_with('#')).map(str::to_owned))
        .map(|name| name.split('#').next().unwrap_or_default().to_owned())
        .filter(|name| {
            let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
            let known = folders.iter().any(|f| name.starts_with(f))
                || has_extension(Path::new(name), &["md"]);
            plain && known
        })
        .collect()
}

#[test]
fn pages_name_files_that_exist() {
    let root = checkout();
    let mut offences = Vec::new();
    let pages = files(&root.join("docs")).into_iter().chain(
        ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "bench/README.md", "fuzz/README.md"]
            .map(|p| root.join(p)),
    );
    for page in pages.filter(|page| has_extension(page, &["md"])) {
        let text = fs::read_to_string(&page).expect("a page of the documentation");
        let here = page.parent().expect("a page lies in a folder");
        for name in files_named_in(&text) {
            if !root.join(&name).exists() && !here.join(&name).exists() {
                offences.push(format!("{}: `{name}`", shown(&page)));
            }
        }
    }
    assert_none(&offences, "a file that a page names exists");
}

#[test]
fn every_page_is_on_the_map() {
    let root = checkout();
    let readme = fs::read_to_string(root.join("README.md")).expect("the checkout has a README");
    let offences: Vec<String> = files(&root.join("docs"))
        .iter()
        .filter(|page| has_extension(page, &["md"]))
        .map(|page| shown(page))
        .filter(|page| !readme.contains(page.as_str()))
        .collect();
    assert_none(&offences, "README.md names every page of docs/");
}

#[test]
fn one_arrow_in_the_lock_file() {
    let lock =
        fs::read_to_string(checkout().join("Cargo.lock")).expect("the lock file is committed");
    for name in ["arrow-array", "arrow-schema", "arrow-buffer"] {
        let count = lock.matches(&format!("name = \"{name}\"\n")).count();
        assert_eq!(count, 1, "`{name}` appears {count} times: its types would not be the same");
    }
    assert!(!lock.contains("name = \"arrow2\"\n"), "arrow2 is unmaintained and stays outside");
}

#[test]
fn the_readme_names_the_commands_that_ci_runs() {
    let root = checkout();
    let readme = fs::read_to_string(root.join("README.md")).expect("the checkout has a README");
    let ci = fs::read_to_string(root.join(".ci/run")).expect("the checkout has .ci/run");
    let tests = "cargo test --workspace";
    assert!(readme.contains(tests) && ci.contains(tests), "both run `{tests}`");
    assert!(readme.contains("cargo run --release --bin barrow -- demo"), "the main job's command");
}
