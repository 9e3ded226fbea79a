//! Do the walks of the README work as they are printed?

use crate::{
    harness::{Node, heavy},
    tools::{Foundry, root},
};

/// The shell lines of a section, a list for each block.
#[track_caller]
fn walk(title: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once(&format!("\n## {title}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// Runs the lines up to here, and compares what the last of them prints with its comment.
#[track_caller]
fn says_what_its_comment_says(foundry: &Foundry, before: &str, line: &str) {
    let Some((command, comment)) = line.split_once(" # ") else { return };
    let printed = foundry.shell(&format!("{before}\n{command}"));
    let wanted = comment.trim().split([' ', ',']).next().unwrap();
    if wanted.parse::<u128>().is_ok() {
        let last = printed.lines().last().unwrap_or_default();
        assert_eq!(last.split(' ').next(), Some(wanted), "{line}\n{printed}");
    }
}

#[test]
fn the_foundry_walk_works_as_printed() {
    let _alone = heavy();
    let node = Node::start(&[]);
    let walk = walk("A walk with Foundry");
    assert_eq!(walk.len(), 2, "before the node is killed, and after");
    let port = node.address.port().to_string();
    let foundry = Foundry::at(&node.url());
    let printed = foundry.shell(&format!("{}\ndeclare -p KEY ME TOKEN", walk[0]));
    assert!(printed.contains("250"), "{printed}");
    let variables: Vec<&str> =
        printed.lines().filter(|line| line.starts_with("declare ")).collect();
    assert_eq!(variables.len(), 3, "{printed}");

    let node = node.kill9().on_port(&port).start();
    let foundry = Foundry::at(&node.url());
    for line in walk[1].lines() {
        says_what_its_comment_says(&foundry, &variables.join("\n"), line);
    }
}

#[test]
fn the_main_walk_works_as_printed() {
    let _alone = heavy();
    let node = Node::start(&[]);
    let foundry = Foundry::at(&node.url());
    let walk = walk("A walk with Main").concat();
    let (before, last) = walk.trim().rsplit_once('\n').unwrap();
    foundry.shell(before);
    let variables: Vec<&str> = before.lines().filter(|line| !line.starts_with("cast ")).collect();
    says_what_its_comment_says(&foundry, &variables.join("\n"), last);
}
