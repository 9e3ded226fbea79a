//! Do the README's walks with Hardhat, ethers, viem and web3.py work as they are printed?

use crate::{
    harness::{Node, heavy},
    tools::{Workshop, root},
};

/// A fenced block of the README: its language, the file it is, what is in it.
struct Block {
    language: String,
    file: Option<String>,
    text: String,
}

/// The blocks of a section.
#[track_caller]
fn blocks(title: &str) -> Vec<Block> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once(&format!("\n## {title}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let fenced = section.split("\n```").skip(1).step_by(2);
    let block = |block: &str| {
        let (head, text) = block.split_once('\n').unwrap();
        let mut words = head.split(' ').map(str::to_owned);
        let language = words.next().unwrap();
        Block { language, file: words.next(), text: format!("{text}\n") }
    };
    fenced.map(block).collect()
}

/// Writes the files of a section into a folder and answers its commands, but those that install.
fn unpack(title: &str, workshop: &Workshop) -> Vec<String> {
    let mut commands = Vec::new();
    for block in blocks(title) {
        match block.file {
            Some(file) => workshop.write(&file, &block.text),
            None if block.language == "sh" => {
                let lines = block.text.lines().filter(|line| !line.starts_with("npm "));
                commands.extend(lines.map(str::to_owned));
            }
            None => {}
        }
    }
    commands
}

#[test]
fn the_hardhat_walk_works_as_printed() {
    let _alone = heavy();
    let node = Node::start(&[]);
    let workshop = Workshop::with("hardhat3/node_modules", &node.url());
    workshop.write("package.json", r#"{ "type": "module" }"#);
    let commands = unpack("A walk with Hardhat", &workshop);
    assert_eq!(commands.len(), 2);
    let said = workshop.shell(&commands[0]);
    assert!(said.contains("2 passing"), "{said}");
    let said = workshop.shell(&commands[1]);
    assert!(said.contains("1 passing"), "{said}");
}

#[test]
fn the_scripts_print_what_the_buyer_has_left() {
    let _alone = heavy();
    let node = Node::start(&[]);
    let workshop = Workshop::with("../node_modules", &node.url());
    let commands = unpack("A walk with ethers, viem and web3.py", &workshop);
    assert_eq!(commands.len(), 3);
    for line in commands {
        let (command, printed) = line.split_once('#').unwrap();
        if command.contains("python3") && !workshop.has_python() {
            eprintln!(
                "SKIPPED: {command}: python3 -m venv does not work here, see scripts/setup-tools.sh"
            );
            continue;
        }
        assert_eq!(workshop.shell(command).trim(), printed.trim(), "{command}");
    }
}
