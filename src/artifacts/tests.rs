//! Artifacts of every kind, whole, broken and half written.

use super::*;
use alloy_primitives::{hex, keccak256};
use std::{fs, path::Path};

const LIMITS: ArtifactLimits = ArtifactLimits { file_bytes: 1 << 20, files: 100, bytes: 4 << 20 };

fn folders(dir: &Path) -> Folders {
    Folders::new(vec![dir.to_owned()], LIMITS, Arc::default())
}

fn write(dir: &Path, file: &str, text: &str) {
    let path = dir.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Foundry's artifact of a contract whose runtime code is `code`.
fn forge(name: &str, code: &str, source: Option<&str>) -> String {
    let hash = source.map(|text| format!(r#","keccak256":"{}""#, keccak256(text)));
    format!(
        r#"{{"abi":[{{"type":"error","name":"Poor","inputs":[]}}],
        "bytecode":{{"object":"0x61{code}","linkReferences":{{}}}},
        "deployedBytecode":{{"object":"0x{code}","sourceMap":"20:3:5:-;24:3","immutableReferences":{{}}}},
        "metadata":{{"settings":{{"compilationTarget":{{"src/{name}.sol":"{name}"}}}},
        "sources":{{"src/{name}.sol":{{"license":"MIT"{}}}}}}},"id":5}}"#,
        hash.unwrap_or_default()
    )
}

fn known(library: &Library, code: &str) -> Option<String> {
    let code = hex::decode(code).unwrap();
    library.running(keccak256(&code), &code).map(|running| running.contract.full_name())
}

const SOURCE: &str = "contract A {\n  function\n run() {\n x;\n}\n}";

#[test]
fn a_foundry_artifact_gives_names_and_lines() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    write(dir.path(), "src/A.sol", SOURCE);
    write(&out, "A.sol/A.json", &forge("A", "5f5f", Some(SOURCE)));
    write(&out, "build-info/1.json", r#"{"id":"1","source_id_to_path":{"5":"src/A.sol"}}"#);
    let (library, problems) = folders(&out).load();
    assert!(problems.is_empty(), "{problems:?}");
    let code = hex!("5f5f");
    let running = library.running(keccak256(code), &code).unwrap();
    assert_eq!(running.contract.full_name(), "src/A.sol:A");
    let spot = running.spot(0).unwrap();
    assert_eq!((spot.file, spot.line, spot.function), ("src/A.sol", 2, Some("run")));
    assert_eq!(running.spot(1).unwrap().line, 3);
    let creation = hex!("615f5fffff");
    assert_eq!(library.creating(&creation).unwrap().code_len(), 3);
}

#[test]
fn a_source_that_changed_since_has_no_lines() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    write(dir.path(), "src/A.sol", "// new\ncontract A {}");
    write(&out, "A.sol/A.json", &forge("A", "5f5f", Some(SOURCE)));
    let (library, _) = folders(&out).load();
    let code = hex!("5f5f");
    let running = library.running(keccak256(code), &code).unwrap();
    assert!(running.spot(0).is_none());
}

#[test]
fn of_two_artifacts_with_the_same_code_the_first_name_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "B.sol/B.json", &forge("B", "5f5f", None));
    write(dir.path(), "A.sol/A.json", &forge("A", "5f5f", None));
    let (library, _) = folders(dir.path()).load();
    assert_eq!(library.len(), 2 + BUILT_IN);
    assert_eq!(known(&library, "5f5f").unwrap(), "src/A.sol:A");
}

#[test]
fn a_broken_file_keeps_what_it_said_and_is_read_again_when_it_is_whole() {
    let dir = tempfile::tempdir().unwrap();
    let mut folders = folders(dir.path());
    write(dir.path(), "A.json", &forge("A", "5f5f", None));
    assert!(folders.load().1.is_empty());
    write(dir.path(), "A.json", r#"{"abi":[{"type":"func"#);
    let (library, problems) = folders.load();
    assert_eq!(problems.len(), 1);
    assert!(known(&library, "5f5f").is_some());
    write(dir.path(), "A.json", &forge("A", "5f5f5f", None));
    let (library, problems) = folders.load();
    assert!(problems.is_empty());
    assert_eq!((known(&library, "5f5f"), known(&library, "5f5f5f").is_some()), (None, true));
    fs::remove_file(dir.path().join("A.json")).unwrap();
    assert_eq!(folders.load().0.len(), BUILT_IN);
}

#[test]
fn garbage_is_told_and_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "deep.json", &"[".repeat(100_000));
    write(dir.path(), "deeper.json", &format!("{{\"abi\":{}", "{\"a\":".repeat(100_000)));
    write(dir.path(), "empty.json", "");
    write(dir.path(), "cut.json", "{\"abi\": [");
    write(dir.path(), "types.json", r#"{"abi":5,"bytecode":[1],"deployedBytecode":{"object":7}}"#);
    write(dir.path(), "map.json", r#"{"id":"x","source_id_to_path":[1,2]}"#);
    write(dir.path(), "huge.json", &" ".repeat(2 << 20));
    write(dir.path(), "list.json", "[1, 2, 3]");
    write(dir.path(), "package.json", r#"{"name":"x","id":{"y":1}}"#);
    write(dir.path(), "A.json", &forge("A", "5f5f", None));
    fs::write(dir.path().join("bytes.json"), [0xFF, 0xFE, 0]).unwrap();
    let (library, problems) = folders(dir.path()).load();
    assert_eq!(library.len(), 1 + BUILT_IN);
    let mut names: Vec<_> = problems
        .iter()
        .map(|problem| problem.path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    let broken = ["bytes", "cut", "deep", "deeper", "empty", "huge", "map", "types"];
    assert_eq!(names, broken);
}

#[test]
fn no_more_is_read_than_the_limits_allow() {
    let dir = tempfile::tempdir().unwrap();
    for index in 0..5 {
        write(dir.path(), &format!("{index}.json"), &forge(&format!("C{index}"), "5f5f", None));
    }
    let size = fs::metadata(dir.path().join("0.json")).unwrap().len();
    let count = |limits: ArtifactLimits| {
        let (library, problems) =
            Folders::new(vec![dir.path().to_owned()], limits, Arc::default()).load();
        (library.len() - BUILT_IN, problems.first().map(|problem| problem.error.to_string()))
    };
    assert_eq!(count(LIMITS), (5, None));
    let (read, problem) = count(ArtifactLimits { files: 3, ..LIMITS });
    assert_eq!((read, problem.unwrap().contains("more than 3 files")), (3, true));
    let (read, problem) = count(ArtifactLimits { bytes: 2 * size, ..LIMITS });
    assert_eq!((read, problem.unwrap().contains("--artifacts-max-bytes")), (2, true));
    let (read, problem) = count(ArtifactLimits { file_bytes: size - 1, ..LIMITS });
    assert_eq!((read, problem.unwrap().contains("--artifacts-max-file-bytes")), (0, true));
}

#[test]
fn a_folder_that_is_not_there_is_a_problem_and_not_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut folders = folders(&dir.path().join("out"));
    let (library, problems) = folders.load();
    assert_eq!((library.len(), problems.len()), (BUILT_IN, 1));
    write(dir.path(), "out/A.json", &forge("A", "5f5f", None));
    let (library, problems) = folders.load();
    assert_eq!((library.len(), problems.len()), (1 + BUILT_IN, 0));
}

#[test]
fn hardhats_build_info_gives_names_and_lines_whether_it_is_one_file_or_two() {
    let source = SOURCE.replace('\n', "\\n");
    let input =
        |path: &str| format!(r#""input":{{"sources":{{"{path}":{{"content":"{source}"}}}}}}"#);
    let output = |path: &str| {
        format!(
            r#""output":{{"sources":{{"{path}":{{"id":3,"ast":{{}}}}}},"contracts":{{"{path}":{{"A":
            {{"abi":[],"evm":{{"bytecode":{{"object":"5f"}},"deployedBytecode":{{"object":"5f5f",
            "sourceMap":"20:3:3:-"}}}}}}}}}}}}"#
        )
    };
    let one = format!(
        r#"{{"_format":"hh-sol-build-info-1","id":"a",{},{}}}"#,
        input("c/A.sol"),
        output("c/A.sol")
    );
    let path = "project/c/A.sol";
    let two = [
        format!(r#"{{"_format":"hh3-sol-build-info-1","id":"a",{}}}"#, input(path)),
        format!(r#"{{"_format":"hh3-sol-build-info-output-1","id":"a",{}}}"#, output(path)),
    ];
    for files in [vec![one], two.to_vec()] {
        let dir = tempfile::tempdir().unwrap();
        for (index, text) in files.iter().enumerate() {
            write(dir.path(), &format!("build-info/{index}.json"), text);
        }
        let artifact = r#"{"_format":"hh3-artifact-1","contractName":"A","sourceName":"c/A.sol","abi":[],
            "bytecode":"0x5f","deployedBytecode":"0x5f5f","linkReferences":{}}"#;
        write(dir.path(), "c/A.sol/A.json", artifact);
        let (library, problems) = folders(dir.path()).load();
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(library.len(), 1 + BUILT_IN);
        let code = hex!("5f5f");
        let running = library.running(keccak256(code), &code).unwrap();
        assert_eq!(running.contract.full_name(), "c/A.sol:A");
        assert_eq!(running.spot(0).unwrap().line, 2);
    }
}
