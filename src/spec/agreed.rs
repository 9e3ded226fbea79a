//! Which rules must the nodes of a chain share that neither its genesis hash nor its fork id tells?

use super::{ChainSpec, FeeMarket, Mode};
use std::collections::BTreeMap;

impl ChainSpec {
    /// Those rules by their names in the genesis file, in one spelling each. Limits for blobs are there
    /// once they hold at `time`, in seconds: before that a chain may still adopt others.
    pub fn agreed_rules(&self, time: u64) -> BTreeMap<String, String> {
        let config = &self.genesis.config;
        let mut rules = BTreeMap::new();
        let mut rule = |name: &str, value: String| drop(rules.insert(name.to_owned(), value));
        rule("config.mainspring.feeMarket", fee_market(self.fee_market));
        rule("config.depositContractAddress", self.deposit_contract.to_string());
        let terminal = self.terminal_total_difficulty();
        let terminal = terminal.map_or_else(|| "none".to_owned(), |total| total.to_string());
        rule("config.terminalTotalDifficulty", terminal);
        if config.dao_fork_block.is_some() {
            rule("config.daoForkSupport", config.dao_fork_support.to_string());
        }
        if matches!(self.mode, Mode::Pow | Mode::Merged) {
            let difficulty = self.difficulty_rules();
            rule("config.mainspring.minimumDifficulty", difficulty.minimum.to_string());
            rule("config.mainspring.bomb", difficulty.bomb.to_string());
        }
        for from in self.blobs.times().filter(|from| *from <= time) {
            let limits = self.blob_params_at(from);
            let (target, max) = (limits.target_blob_count, limits.max_blob_count);
            let fraction = limits.update_fraction;
            rule(
                &format!("config.blobSchedule since {from}"),
                format!("target {target} max {max} baseFeeUpdateFraction {fraction}"),
            );
        }
        rules
    }
}

fn fee_market(market: FeeMarket) -> String {
    match market {
        FeeMarket::Eip1559 => "eip1559".to_owned(),
        FeeMarket::Zero => "zero".to_owned(),
        FeeMarket::Fixed(fee) => format!("fixed {fee}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn rules(config: Value, time: u64) -> BTreeMap<String, String> {
        let genesis = json!({
            "config": config, "gasLimit": "0x1c9c380", "difficulty": "0x1", "alloc": {}
        });
        let spec = ChainSpec::from_genesis(serde_json::from_value(genesis).unwrap()).unwrap();
        spec.agreed_rules(time)
    }

    #[test]
    fn what_a_genesis_leaves_out_is_what_it_would_say() {
        let silent = rules(json!({ "chainId": 5, "ethash": {}, "londonBlock": 0 }), 0);
        let said = json!({
            "chainId": 5, "ethash": {}, "londonBlock": 0, "mainspring": {
                "feeMarket": "eip1559", "minimumDifficulty": 131_072, "bomb": true
            }
        });
        assert_eq!(silent, rules(said, 0));
        assert_eq!(silent["config.mainspring.minimumDifficulty"], "131072");
        let fixed = json!({ "chainId": 5, "mainspring": { "feeMarket": { "fixed": 7 } } });
        assert_eq!(rules(fixed, 0)["config.mainspring.feeMarket"], "fixed 7");
    }

    #[test]
    fn limits_for_blobs_are_agreed_on_once_they_hold() {
        let config = json!({
            "chainId": 5, "londonBlock": 0, "shanghaiTime": 0, "cancunTime": 10, "pragueTime": 20
        });
        let limits = |time| {
            let names = rules(config.clone(), time).into_keys();
            names.filter(|name| name.starts_with("config.blobSchedule")).collect::<Vec<_>>()
        };
        assert_eq!(limits(9), [""; 0]);
        assert_eq!(limits(10), ["config.blobSchedule since 10"]);
        assert_eq!(limits(20).len(), 2);
    }
}
