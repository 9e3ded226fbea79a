//! Does every name in a genesis file mean something, and if not, which one was meant?

use super::SpecError;
use serde_json::{Map, Value};

/// How far a name may be from the one that was meant: letters left out, added, changed or swapped.
const NEAR: usize = 2;

/// An object of a genesis file.
struct Section {
    /// Where it stands, with a dot at the end.
    path: &'static str,
    /// What is read of it, or written there by other clients.
    names: &'static [&'static str],
    /// Is any other name a mistake? Other clients have settings of their own in the rest.
    is_closed: bool,
}

const SECTIONS: [Section; 6] = [
    Section {
        path: "",
        names: &[
            "config",
            "nonce",
            "timestamp",
            "extraData",
            "gasLimit",
            "difficulty",
            "mixHash",
            "coinbase",
            "alloc",
            "number",
            "gasUsed",
            "parentHash",
            "baseFeePerGas",
            "excessBlobGas",
            "blobGasUsed",
            "slotNumber",
            "stateRoot",
        ],
        is_closed: false,
    },
    Section {
        path: "config.",
        names: &[
            "chainId",
            "homesteadBlock",
            "daoForkBlock",
            "daoForkSupport",
            "eip150Block",
            "eip150Hash",
            "eip155Block",
            "eip158Block",
            "byzantiumBlock",
            "constantinopleBlock",
            "petersburgBlock",
            "istanbulBlock",
            "muirGlacierBlock",
            "berlinBlock",
            "londonBlock",
            "arrowGlacierBlock",
            "grayGlacierBlock",
            "mergeNetsplitBlock",
            "shanghaiTime",
            "cancunTime",
            "pragueTime",
            "osakaTime",
            "amsterdamTime",
            "bogotaTime",
            "bpo1Time",
            "bpo2Time",
            "bpo3Time",
            "bpo4Time",
            "bpo5Time",
            "terminalTotalDifficulty",
            "terminalTotalDifficultyPassed",
            "depositContractAddress",
            "blobSchedule",
            "ethash",
            "clique",
            "parlia",
            "mainspring",
            "enableVerkleAtGenesis",
            "isDev",
            "trieNodeType",
        ],
        is_closed: false,
    },
    Section {
        path: "config.blobSchedule.",
        names: &[
            "cancun",
            "prague",
            "osaka",
            "amsterdam",
            "bogota",
            "bpo1",
            "bpo2",
            "bpo3",
            "bpo4",
            "bpo5",
        ],
        is_closed: false,
    },
    Section { path: "config.clique.", names: &["period", "epoch"], is_closed: true },
    Section { path: "config.ethash.", names: &[], is_closed: true },
    Section {
        path: "config.mainspring.",
        names: &["mode", "feeMarket", "minimumDifficulty", "bomb"],
        is_closed: true,
    },
];

/// Finds a name of a genesis file that nobody reads because it is misspelt or stands elsewhere.
///
/// # Errors
/// [`SpecError::UnknownName`] with where it stands and what was meant.
pub fn check_names(genesis: &Value) -> Result<(), SpecError> {
    for section in &SECTIONS {
        let mut steps = section.path.split_terminator('.');
        let found = steps.try_fold(genesis, |at, step| at.get(step));
        if let Some(object) = found.and_then(Value::as_object) {
            section.check(object)?;
        }
    }
    Ok(())
}

impl Section {
    fn check(&self, object: &Map<String, Value>) -> Result<(), SpecError> {
        for name in object.keys().filter(|name| !self.names.contains(&name.as_str())) {
            let advice = match (self.meant(name), self.is_closed, self.names) {
                (Some(meant), _, _) => format!("is {meant} meant?"),
                (None, true, []) => "nothing can be set there".to_owned(),
                (None, true, names) => format!("there may be {}", names.join(" and ")),
                (None, false, _) => continue,
            };
            return Err(SpecError::UnknownName { name: format!("{}{name}", self.path), advice });
        }
        Ok(())
    }

    /// Where a name belongs that does not belong here: the nearest of this section, or the same of another.
    fn meant(&self, name: &str) -> Option<String> {
        let near = self.names.iter().map(|known| (distance(name, known), *known));
        let near = near.filter(|(distance, known)| is_near(name, known, *distance));
        if let Some((_, known)) = near.min() {
            return Some(format!("{}{known}", self.path));
        }
        let mut elsewhere = SECTIONS.iter().filter(|other| other.path != self.path);
        let other = elsewhere.find(|other| other.names.contains(&name))?;
        Some(format!("{}{name}", other.path))
    }
}

/// Short names are near only with one mistake; names that differ in their numbers are different things.
fn is_near(name: &str, known: &str, distance: usize) -> bool {
    let letters = |text: &str| text.replace(|letter: char| letter.is_ascii_digit(), "");
    let most = NEAR.min(known.len().div_ceil(4));
    distance <= most && (distance == 0 || letters(name) != letters(known))
}

/// Fewest letters to leave out, add, change or swap with the next between two names, however they are
/// capitalised ([optimal string alignment](https://en.wikipedia.org/wiki/Damerau%E2%80%93Levenshtein_distance)).
fn distance(one: &str, other: &str) -> usize {
    let letters = |text: &str| text.to_lowercase().chars().take(64).collect::<Vec<_>>();
    let (one, other) = (letters(one), letters(other));
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, against) in other.iter().enumerate() {
            let changed = last[j] + usize::from(letter != against);
            let mut least = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *letter == other[j - 1] && one[i - 1] == *against {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Fork, ForkPlan};
    use serde_json::json;

    fn refused(genesis: Value) -> String {
        check_names(&genesis).unwrap_err().to_string()
    }

    #[test]
    fn a_misspelt_name_is_told_with_the_likely_one() {
        for (genesis, name, meant) in [
            (json!({"gasLimt": "0x1"}), "gasLimt", "gasLimit"),
            (json!({"mixhash": "0x1"}), "mixhash", "mixHash"),
            (json!({"config": {"oskaTime": 1}}), "config.oskaTime", "config.osakaTime"),
            (json!({"config": {"chianId": 1}}), "config.chianId", "config.chainId"),
            (
                json!({"config": {"blobSchedule": {"cancum": {}}}}),
                "config.blobSchedule.cancum",
                "config.blobSchedule.cancun",
            ),
            (
                json!({"config": {"clique": {"perod": 1}}}),
                "config.clique.perod",
                "config.clique.period",
            ),
            (
                json!({"config": {"mainspring": {"feMarket": "zero"}}}),
                "config.mainspring.feMarket",
                "config.mainspring.feeMarket",
            ),
        ] {
            let text = refused(genesis);
            assert!(text.starts_with(&format!("{name} means nothing")), "{text}");
            assert!(text.contains(&format!("is {meant} meant?")), "{text}");
        }
    }

    #[test]
    fn a_name_at_the_wrong_place_is_told_with_the_right_place() {
        let text = refused(json!({"config": {"mainspring": {"period": 2}}}));
        assert!(text.contains("config.mainspring.period") && text.contains("config.clique.period"));
        let text = refused(json!({"config": {"feeMarket": "zero"}}));
        assert!(text.contains("is config.mainspring.feeMarket meant?"), "{text}");
    }

    #[test]
    fn a_section_of_consensus_has_only_what_is_read() {
        let text = refused(json!({"config": {"clique": {"blockperiodseconds": 5}}}));
        assert!(text.ends_with("there may be period and epoch"), "{text}");
        let text = refused(json!({"config": {"ethash": {"fixeddifficulty": 5}}}));
        assert!(text.ends_with("nothing can be set there"), "{text}");
    }

    #[test]
    fn what_others_have_of_their_own_is_no_mistake() {
        let genesis = json!({
            "comment": "ours", "gasUsed": "0x0",
            "config": {
                "chainId": 1, "contractSizeLimit": 5, "eip160Block": 0, "bpo6Time": 5,
                "constantinopleFixBlock": 0, "eip1559FeeCollector": "0x0",
                "blobSchedule": {"bpo6": {}}
            }
        });
        check_names(&genesis).unwrap();
    }

    #[test]
    fn every_name_that_is_written_is_known() {
        let mut config =
            serde_json::to_value(ForkPlan::at_genesis(Fork::LATEST).config(1)).unwrap();
        for time in ["shanghaiTime", "cancunTime", "pragueTime", "osakaTime"] {
            config[time] = json!(1);
        }
        let known = SECTIONS[1].names;
        let unknown =
            config.as_object().unwrap().keys().find(|name| !known.contains(&name.as_str()));
        assert_eq!(unknown, None);
    }

    #[test]
    fn mistakes_are_counted_by_letter() {
        for (one, other, mistakes) in [
            ("period", "Period", 0),
            ("perod", "period", 1),
            ("chianId", "chainId", 1),
            ("", "abc", 3),
        ] {
            assert_eq!(distance(one, other), mistakes, "{one} {other}");
        }
    }
}
