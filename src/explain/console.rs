//! What did a contract say to `console.log`? The functions of Hardhat's and forge-std's console, which
//! are calls to an address without code.

use super::{
    format::console_text,
    value::{json, shown},
};
use crate::{
    evm::trace::{RecordedCall, Step},
    spec::CONSOLE_ADDRESS,
};
use alloy_dyn_abi::{DynSolType, DynSolValue};
use alloy_primitives::{Selector, hex, keccak256};
use serde::Serialize;
use serde_json::Value;
use std::{collections::HashMap, sync::OnceLock};

/// A call to `console.log`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsoleLog {
    /// How many calls deep the contract was that made it; 0 is the one that the transaction called.
    pub depth: usize,
    /// The contract.
    pub address: alloy_primitives::Address,
    /// As it was declared, `log(string,uint256)`; `None` if the console has no such function.
    pub signature: Option<String>,
    /// What was logged: numbers as decimal text.
    pub args: Vec<Value>,
    /// As it is printed; the data in hex where the console has no such function.
    pub text: String,
}

/// What a transaction and all it called said to the console, in order.
pub fn console_logs(root: &RecordedCall) -> Vec<ConsoleLog> {
    let mut logs = Vec::new();
    root.walk(&mut |step| {
        if let Step::Enter { call, depth, .. } = step
            && call.to == CONSOLE_ADDRESS
            && !call.kind.is_create()
        {
            logs.push(read(call, depth.saturating_sub(1)));
        }
    });
    logs
}

fn read(call: &RecordedCall, depth: usize) -> ConsoleLog {
    let address = call.from;
    match decode(&call.input) {
        Some((signature, values)) => ConsoleLog {
            depth,
            address,
            signature: Some(signature.to_owned()),
            args: values.iter().map(json).collect(),
            text: text(&values),
        },
        None => {
            let text = hex::encode_prefixed(&call.input);
            ConsoleLog { depth, address, signature: None, args: Vec::new(), text }
        }
    }
}

fn text(values: &[DynSolValue]) -> String {
    match values {
        // A single string is no pattern: nothing could stand in its places.
        [DynSolValue::String(_)] => shown(&values[0]),
        values => console_text(values),
    }
}

fn decode(input: &[u8]) -> Option<(&'static str, Vec<DynSolValue>)> {
    let (selector, data) = input.split_first_chunk::<4>()?;
    let function = functions().get(&Selector::from(*selector))?;
    match function.arguments.abi_decode_params(data).ok()? {
        DynSolValue::Tuple(values) => Some((&function.signature, values)),
        single => Some((&function.signature, vec![single])),
    }
}

struct Function {
    signature: String,
    arguments: DynSolType,
}

/// Every function of the console, by selector.
fn functions() -> &'static HashMap<Selector, Function> {
    static FUNCTIONS: OnceLock<HashMap<Selector, Function>> = OnceLock::new();
    FUNCTIONS.get_or_init(|| {
        let mut functions = HashMap::new();
        let mut list = vec![Vec::new()];
        let mut combinations = vec![Vec::new()];
        for _ in 0..4 {
            let longer =
                |known: &Vec<&'static str>| MIXED.map(|kind| [known.as_slice(), &[kind]].concat());
            combinations = combinations.iter().flat_map(longer).collect();
            list.extend(combinations.iter().cloned());
        }
        list.extend([vec!["int256"], vec!["string", "int256"], vec!["bytes"]]);
        for kinds in list {
            add(&mut functions, &kinds, &kinds);
            // The first consoles hashed the short names, which no ABI knows.
            let short: Vec<_> = kinds.iter().map(|kind| shortened(kind)).collect();
            add(&mut functions, &short, &kinds);
        }
        for size in 1..=32 {
            let kind = format!("bytes{size}");
            add(&mut functions, &[&kind], &[&kind]);
        }
        functions
    })
}

/// Kinds of values that `log` takes up to four of, in any order.
const MIXED: [&str; 4] = ["uint256", "string", "bool", "address"];

fn shortened(kind: &'static str) -> &'static str {
    match kind {
        "uint256" => "uint",
        "int256" => "int",
        kind => kind,
    }
}

fn add(functions: &mut HashMap<Selector, Function>, names: &[&str], kinds: &[&str]) {
    let signature = format!("log({})", names.join(","));
    let hash = keccak256(&signature);
    let kinds = kinds.iter().map(|kind| DynSolType::parse(kind)).collect::<Result<_, _>>();
    let arguments = DynSolType::Tuple(kinds.expect("types of the ABI"));
    let selector = Selector::from_slice(&hash[..4]);
    functions.entry(selector).or_insert(Function { signature, arguments });
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, I256, U256};

    fn said(signature: &str, values: Vec<DynSolValue>) -> String {
        let data = DynSolValue::Tuple(values).abi_encode_params();
        let (found, values) = decode(&[&keccak256(signature)[..4], &data].concat()).unwrap();
        assert_eq!(found, signature);
        text(&values)
    }

    #[test]
    fn every_function_of_the_console_is_known() {
        // Up to four of four kinds, those with a number under two names; the rest once or twice.
        let mixed = 1 + 4 + 16 + 64 + 256;
        let without_numbers = 1 + 3 + 9 + 27 + 81;
        let singles = 2 + 2 + 1 + 32;
        assert_eq!(functions().len(), 2 * mixed - without_numbers + singles);
        // log(), log(string), log(uint256), log(uint), log(string,uint256) as the consoles have them.
        for selector in ["51973ec9", "41304fac", "f82c50f1", "f5b1bba9", "b60e72cc"] {
            let selector = Selector::from_slice(&hex::decode(selector).unwrap());
            assert!(functions().contains_key(&selector), "{selector}");
        }
    }

    #[test]
    fn values_of_every_kind_are_printed() {
        let number = DynSolValue::Uint(U256::from(5), 256);
        let text = DynSolValue::String("total %d".into());
        let someone = Address::repeat_byte(1);
        assert_eq!(said("log(string,uint256)", vec![text.clone(), number.clone()]), "total 5");
        assert_eq!(said("log(string,uint)", vec![text.clone(), number]), "total 5");
        assert_eq!(said("log(string)", vec![text]), "total %d");
        assert_eq!(said("log()", vec![]), "");
        let minus = DynSolValue::Int(I256::MINUS_ONE, 256);
        assert_eq!(said("log(int256)", vec![minus.clone()]), "-1");
        assert_eq!(said("log(int)", vec![minus]), "-1");
        assert_eq!(said("log(address)", vec![someone.into()]), someone.to_string());
        assert_eq!(said("log(bytes)", vec![DynSolValue::Bytes(vec![1, 2])]), "0x0102");
        let word = DynSolValue::FixedBytes(alloy_primitives::B256::repeat_byte(9), 3);
        assert_eq!(said("log(bytes3)", vec![word]), "0x090909");
        let flags = vec![true.into(), DynSolValue::Address(someone), false.into(), true.into()];
        let line = format!("true {someone} false true");
        assert_eq!(said("log(bool,address,bool,bool)", flags), line);
    }

    #[test]
    fn what_the_console_does_not_know_is_no_function_of_it() {
        assert!(decode(&[]).is_none());
        assert!(decode(&[1, 2, 3]).is_none());
        assert!(decode(&[0xFF; 36]).is_none());
        // log(string) whose text ends behind the data.
        let cut = [&keccak256("log(string)")[..4], &[0xFF; 64]].concat();
        assert!(decode(&cut).is_none());
    }
}
