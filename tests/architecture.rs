//! The floors hold: no file looks up, every file says what it answers, none is too long.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Floors from the ground up. A file may use items of floors with a smaller number only.
const FLOORS: [(&str, u8); 22] = [
    ("primitives", 1),
    ("spec", 2),
    ("storage", 3),
    ("consensus", 3),
    ("upstream", 3),
    ("artifacts", 3),
    ("state", 4),
    ("evm", 5),
    ("chain", 6),
    ("explain", 6),
    ("pool", 7),
    ("sealer", 8),
    ("network", 8),
    ("dev", 9),
    ("status", 9),
    ("rpc", 10),
    ("explorer", 11),
    ("config", 12),
    ("node", 13),
    ("cli", 14),
    ("main", 15),
    ("lib", 15),
];

/// Lines that a file may have at most.
const MAX_LINES: usize = 600;

struct Source {
    path: PathBuf,
    floor: &'static str,
    text: String,
}

fn sources(dir: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inside = path.strip_prefix(root().join("src")).unwrap().to_path_buf();
            let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
            let name = first.trim_end_matches(".rs");
            let floor = FLOORS.iter().find(|(floor, _)| *floor == name);
            let (floor, _) = floor.unwrap_or_else(|| panic!("{name} is on no floor"));
            found.push(Source { text: fs::read_to_string(&path).unwrap(), floor, path });
        }
    }
    found
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn all() -> Vec<Source> {
    let found = sources(&root().join("src"));
    assert!(found.len() > 50, "the sources were not found");
    found
}

/// The part of a file before its unit tests, without comments.
fn code(text: &str) -> String {
    let body = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or(text);
    let lines = body.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Names that follow `crate::` directly or inside the braces of one `use crate::{...}`.
fn used_floors(text: &str) -> Vec<String> {
    let mut used = Vec::new();
    for part in text.split("crate::").skip(1) {
        let Some(group) = part.strip_prefix('{') else {
            used.push(identifier(part));
            continue;
        };
        let (mut depth, mut at_start) = (1, true);
        for (position, character) in group.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            if depth == 1 && at_start && character.is_alphabetic() {
                used.push(identifier(&group[position..]));
                at_start = false;
            }
            at_start |= depth == 1 && character == ',';
        }
    }
    used
}

fn identifier(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn no_floor_looks_up_or_sideways() {
    let heights: BTreeMap<_, _> = FLOORS.into_iter().collect();
    let mut wrong = Vec::new();
    for source in all().iter().filter(|source| source.floor != "lib") {
        for used in used_floors(&code(&source.text)) {
            let Some(height) = heights.get(used.as_str()) else { continue };
            let same = used == source.floor;
            if !same && *height >= heights[source.floor] {
                wrong.push(format!("{} uses {used}", source.path.display()));
            }
            if source.floor == "main" && used != "cli" {
                wrong.push(format!("main uses {used}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_reader_of_imports_sees_groups_and_nesting() {
    let text = "use crate::{chain::{Chain, node}, pool, spec::Fork};\nlet x = crate::rpc::serve();";
    assert_eq!(used_floors(text), ["chain", "pool", "spec", "rpc"]);
}

#[test]
fn every_file_says_what_it_answers() {
    let silent = all().into_iter().filter(|source| !source.text.starts_with("//! "));
    let silent: Vec<_> = silent.map(|source| source.path).collect();
    assert!(silent.is_empty(), "no `//!` first line: {silent:#?}");
}

#[test]
fn no_file_is_longer_than_600_lines() {
    let count = |source: &Source| source.text.lines().count();
    let long: Vec<_> = all()
        .iter()
        .filter(|source| count(source) > MAX_LINES)
        .map(|source| (source.path.clone(), count(source)))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
    let main = all().into_iter().find(|source| source.floor == "main").unwrap();
    assert!(count(&main) < 40, "main.rs has {} lines", count(&main));
}

#[test]
fn only_storage_says_mdbx_and_only_evm_uses_revm() {
    for (word, room) in [("mdbx", "storage"), ("revm::", "evm")] {
        let elsewhere = all().into_iter().filter(|source| source.floor != room);
        let wrong: Vec<_> = elsewhere
            .filter(|source| code(&source.text).contains(word))
            .map(|source| source.path)
            .collect();
        assert!(wrong.is_empty(), "`{word}` outside {room}: {wrong:#?}");
    }
}

#[test]
fn the_lower_floors_are_synchronous() {
    for source in all() {
        let height = FLOORS.iter().find(|(floor, _)| *floor == source.floor).unwrap().1;
        if height <= 7 {
            let code = code(&source.text);
            assert!(!code.contains("async fn"), "{}", source.path.display());
            assert!(!code.contains(".await"), "{}", source.path.display());
        }
    }
}

#[test]
fn nothing_outside_tests_unwraps_or_panics_on_purpose() {
    for source in all() {
        let code = code(&source.text);
        for word in [".unwrap()", "panic!(", "todo!(", "unimplemented!("] {
            let test_file = source.path.to_string_lossy().contains("test");
            assert!(test_file || !code.contains(word), "{word} in {}", source.path.display());
        }
    }
}
