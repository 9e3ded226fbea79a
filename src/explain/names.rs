//! What are the functions, events and errors called, and with which values? By the ABI of the contract
//! that runs, and by those of all others where it does not say.

use super::{
    decode,
    value::{json, list},
};
use crate::{
    artifacts::{Contract, Library},
    evm::revert_reason,
};
use alloy_dyn_abi::{DynSolType, DynSolValue, EventExt, Specifier};
use alloy_json_abi::{Event, Function, Param};
use alloy_primitives::{Log, Selector, hex};
use alloy_sol_types::{Panic, Revert, SolError};
use serde::Serialize;
use serde_json::Value;

/// A value with its name.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Named {
    /// Empty where the ABI has none.
    pub name: String,
    /// As the ABI writes it.
    #[serde(rename = "type")]
    pub kind: String,
    /// Numbers as decimal text.
    pub value: Value,
    /// For a reader.
    #[serde(skip)]
    pub text: String,
}

/// A function that was called.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NamedCall {
    pub(super) name: String,
    pub(super) signature: String,
    pub(super) arguments: Vec<Named>,
    /// `None` if the call failed, or returned something else.
    pub(super) returned: Option<Vec<Named>>,
}

/// The function that this data calls, if anyone declares one that takes it.
pub(super) fn function(
    library: &Library,
    contract: Option<&Contract>,
    input: &[u8],
    output: Option<&[u8]>,
) -> Option<NamedCall> {
    let (selector, data) = input.split_first_chunk::<4>()?;
    let selector = Selector::from(*selector);
    let own = contract.and_then(|contract| contract.abi.function_by_selector(selector));
    let others = library.functions(selector);
    own.into_iter().chain(others).find_map(|function| called(function, data, output))
}

fn called(function: &Function, data: &[u8], output: Option<&[u8]>) -> Option<NamedCall> {
    let arguments = read(&function.inputs, data)?;
    let returned = output.and_then(|output| read(&function.outputs, output));
    Some(NamedCall {
        name: function.name.clone(),
        signature: function.signature(),
        arguments,
        returned,
    })
}

/// The arguments of a constructor, which stand behind its code.
pub(super) fn constructor(contract: &Contract, arguments: &[u8]) -> Option<Vec<Named>> {
    match &contract.abi.constructor {
        Some(constructor) => read(&constructor.inputs, arguments),
        None => arguments.is_empty().then(Vec::new),
    }
}

fn read(params: &[Param], data: &[u8]) -> Option<Vec<Named>> {
    Some(named(params, &decode::values(types(params)?, data)?))
}

fn types(params: &[Param]) -> Option<Vec<DynSolType>> {
    params.iter().map(|it| resolved(&it.ty, &it.components, it)).collect()
}

/// A type, if it and those that it is made of are not nested without end.
fn resolved(kind: &str, parts: &[Param], param: &impl Specifier<DynSolType>) -> Option<DynSolType> {
    fn is_readable(parts: &[Param]) -> bool {
        parts.iter().all(|it| decode::is_readable(&it.ty) && is_readable(&it.components))
    }
    (decode::is_readable(kind) && is_readable(parts)).then(|| param.resolve().ok()).flatten()
}

fn named(params: &[Param], values: &[DynSolValue]) -> Vec<Named> {
    let one = |(param, value): (&Param, &DynSolValue)| {
        one(&param.name, param.selector_type().into_owned(), value)
    };
    params.iter().zip(values).map(one).collect()
}

fn one(name: &str, kind: String, value: &DynSolValue) -> Named {
    let text = list(std::slice::from_ref(value));
    Named { name: name.to_owned(), kind, value: json(value), text }
}

/// An event with its values, if anyone declares one that it can be.
pub(super) fn event(
    library: &Library,
    contract: Option<&Contract>,
    log: &Log,
) -> Option<(String, Vec<Named>)> {
    let topic = log.topics().first()?;
    let own = contract.into_iter().flat_map(|contract| contract.abi.events());
    let own = own.filter(|event| event.selector() == *topic && !event.anonymous);
    own.chain(library.events(*topic))
        .find_map(|event| Some((event.name.clone(), of_event(event, log)?)))
}

fn of_event(event: &Event, log: &Log) -> Option<Vec<Named>> {
    let types: Vec<_> = event
        .inputs
        .iter()
        .map(|it| Some((it.indexed, resolved(&it.ty, &it.components, it)?)))
        .collect::<Option<_>>()?;
    let body: Vec<_> = types.into_iter().filter(|it| !it.0).map(|it| it.1).collect();
    decode::check(&body, &log.data.data)?;
    let decoded = event.decode_log(&log.data).ok()?;
    let (mut indexed, mut body) = (decoded.indexed.iter(), decoded.body.iter());
    let values = event.inputs.iter().map(|param| {
        let value = if param.indexed { indexed.next() } else { body.next() };
        Some(one(&param.name, param.selector_type().into_owned(), value?))
    });
    values.collect()
}

/// Why something reverted, in Hardhat's words.
pub fn revert(library: &Library, contract: Option<&Contract>, output: &[u8]) -> String {
    if output.is_empty() {
        return "reverted without a reason".to_owned();
    }
    if let Ok(revert) = Revert::abi_decode(output) {
        return format!("reverted with reason string '{}'", revert.reason);
    }
    if let Ok(panic) = Panic::abi_decode(output) {
        let meaning = revert_reason(output).unwrap_or_default();
        return format!("reverted with panic code {:#x} ({meaning})", panic.code);
    }
    match custom_error(library, contract, output) {
        Some(error) => format!("reverted with custom error '{error}'"),
        None => {
            let data = hex::encode_prefixed(output);
            format!("reverted with an unrecognized custom error (return data: {data})")
        }
    }
}

/// `InsufficientBalance(1, 2)`.
fn custom_error(library: &Library, contract: Option<&Contract>, output: &[u8]) -> Option<String> {
    let (selector, data) = output.split_first_chunk::<4>()?;
    let selector = Selector::from(*selector);
    let own = contract.into_iter().flat_map(|contract| contract.abi.errors());
    let own = own.filter(|error| error.selector() == selector);
    own.chain(library.errors(selector)).find_map(|error| {
        let values = decode::values(types(&error.inputs)?, data)?;
        Some(format!("{}({})", error.name, list(&values)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{artifacts::Shelf, spec::main_contract::Main};
    use alloy_primitives::U256;
    use alloy_sol_types::SolCall;

    #[test]
    fn functions_of_main_are_known_without_artifacts() {
        let library = Shelf::default().library();
        let input = Main::ORDER_LIFETIMECall {}.abi_encode();
        let output = U256::from(7).to_be_bytes::<32>();
        let call = function(&library, None, &input, Some(&output)).unwrap();
        assert_eq!((call.name.as_str(), call.arguments.len()), ("ORDER_LIFETIME", 0));
        assert_eq!(call.returned.unwrap()[0].value, "7");
        assert_eq!(function(&library, None, &[1, 2, 3, 4], None), None);
        assert_eq!(function(&library, None, &[1, 2], None), None);
    }

    #[test]
    fn reverts_are_worded_as_hardhat_words_them() {
        let library = Shelf::default().library();
        let said = |output: &[u8]| revert(&library, None, output);
        assert_eq!(said(&[]), "reverted without a reason");
        let reason = Revert::from("no").abi_encode();
        assert_eq!(said(&reason), "reverted with reason string 'no'");
        let panic = Panic { code: U256::from(0x11) }.abi_encode();
        let words = "reverted with panic code 0x11 (arithmetic underflow or overflow)";
        assert_eq!(said(&panic), words);
        let words = "reverted with an unrecognized custom error (return data: 0x01020304)";
        assert_eq!(said(&[1, 2, 3, 4]), words);
    }
}
