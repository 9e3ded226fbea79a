//! `mainspring completions`: how does a shell complete our commands?

use super::{Cli, CliError};
use clap::CommandFactory;
use clap_complete::Shell;
use std::io::Write;

/// Prints the script.
pub(super) fn print(shell: Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mainspring", &mut script);
    std::io::stdout().write_all(&script).map_err(CliError::Output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_gets_a_script_that_knows_our_flags() {
        for shell in Shell::value_variants() {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "mainspring", &mut script);
            let script = String::from_utf8(script).expect("a script is text");
            assert!(script.contains("block-time"), "{shell}");
        }
    }
}
