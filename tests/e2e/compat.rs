//! The report that the node makes about itself.

use crate::harness::BINARY;
use serde_json::Value;
use std::process::Command;

fn report(flags: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    let output = command.arg("compat").args(flags).current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let problem = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{problem}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "it leaves nothing behind");
    said
}

#[test]
fn every_check_of_the_report_passes_and_both_forms_say_the_same() {
    let table = report(&[]);
    let json: Value = serde_json::from_str(&report(&["--json"])).unwrap();
    let checks = json["checks"].as_array().unwrap();
    assert_eq!(
        (json["failed"].as_u64(), json["passed"].as_u64()),
        (Some(0), Some(checks.len() as u64))
    );
    assert!(checks.len() > 40, "{}", checks.len());
    for check in checks {
        let (area, what) = (check["area"].as_str().unwrap(), check["what"].as_str().unwrap());
        assert!(table.contains(&format!("| {area} | {what} | yes |")), "{what}");
    }
    assert!(table.ends_with(&format!("{0} of {0} checks passed.\n", checks.len())), "{table}");
}

#[test]
fn the_readme_shows_the_report_that_the_node_makes() {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("<!-- compat -->").unwrap();
    let (copy, _) = rest.split_once("<!-- /compat -->").unwrap();
    assert_eq!(copy.trim(), report(&[]).trim(), "copy the output of `mainspring compat` there");
}
