//! What is in an artifact? The files that Foundry and Hardhat write, told apart by their content.

use super::{
    ArtifactError,
    contract::Code,
    source::Source,
    template::{ImmutableReferences, LinkReferences, Template},
};
use alloy_json_abi::JsonAbi;
use alloy_primitives::B256;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// A contract as a file describes it.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) file: String,
    pub(super) abi: Arc<JsonAbi>,
    pub(super) creation: Option<Arc<Code>>,
    pub(super) runtime: Option<Arc<Code>>,
    /// The number of its own file, and keccak256 of all files that it was made of: Foundry's.
    pub(super) id: Option<u32>,
    pub(super) hashes: BTreeMap<String, B256>,
}

/// What a file says.
#[derive(Debug)]
pub(super) enum Content {
    /// A contract.
    Contract(Box<Draft>),
    /// A run of the compiler: what went in, what came out, or both. The two belong together by the id.
    Build { id: String, sources: Option<Vec<Arc<Source>>>, output: Option<Output> },
    /// The numbers of the files in a run of the compiler, without their text.
    Numbers(BTreeMap<u32, String>),
    /// Nothing of use.
    Other,
}

/// What came out of the compiler.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) contracts: Vec<Draft>,
    pub(super) numbers: BTreeMap<u32, String>,
}

/// Every field that is looked at, in all the files that there are.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    abi: Option<&'a RawValue>,
    #[serde(borrow)]
    bytecode: Option<&'a RawValue>,
    #[serde(rename = "deployedBytecode", borrow)]
    deployed: Option<&'a RawValue>,
    #[serde(rename = "contractName", borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(rename = "sourceName", borrow)]
    file: Option<Cow<'a, str>>,
    #[serde(borrow)]
    metadata: Option<&'a RawValue>,
    #[serde(rename = "linkReferences", borrow)]
    links: Option<&'a RawValue>,
    #[serde(rename = "deployedLinkReferences", borrow)]
    deployed_links: Option<&'a RawValue>,
    #[serde(rename = "immutableReferences", borrow)]
    immutables: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    source_id_to_path: Option<&'a RawValue>,
    #[serde(borrow)]
    input: Option<&'a RawValue>,
    #[serde(borrow)]
    output: Option<&'a RawValue>,
    #[serde(rename = "_format", borrow)]
    format: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct InputJson<'a> {
    #[serde(borrow)]
    sources: BTreeMap<Cow<'a, str>, SourceJson<'a>>,
}

#[derive(Deserialize)]
struct SourceJson<'a> {
    #[serde(borrow)]
    content: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct OutputJson<'a> {
    #[serde(borrow, default)]
    contracts: BTreeMap<Cow<'a, str>, BTreeMap<Cow<'a, str>, ContractJson<'a>>>,
    #[serde(borrow, default)]
    sources: BTreeMap<Cow<'a, str>, NumberJson>,
}

#[derive(Deserialize)]
struct NumberJson {
    id: u32,
}

#[derive(Deserialize)]
struct ContractJson<'a> {
    #[serde(borrow)]
    abi: Option<&'a RawValue>,
    #[serde(borrow)]
    evm: Option<EvmJson<'a>>,
}

#[derive(Deserialize)]
struct EvmJson<'a> {
    #[serde(borrow)]
    bytecode: Option<&'a RawValue>,
    #[serde(rename = "deployedBytecode", borrow)]
    deployed: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CodeJson<'a> {
    #[serde(borrow)]
    object: Cow<'a, str>,
    source_map: Option<String>,
    link_references: LinkReferences,
    immutable_references: ImmutableReferences,
}

#[derive(Deserialize)]
struct MetadataJson {
    settings: SettingsJson,
    #[serde(default)]
    sources: BTreeMap<String, HashJson>,
}

#[derive(Deserialize)]
struct SettingsJson {
    #[serde(rename = "compilationTarget")]
    target: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct HashJson {
    keccak256: Option<B256>,
}

/// Reads a file's text.
pub(super) fn read(text: &[u8]) -> Result<Content, ArtifactError> {
    let trimmed = text.trim_ascii_start();
    if !trimmed.starts_with(b"{") {
        // Lists and the like are somebody else's; what is cut off at its start, or empty, is broken.
        return match serde_json::from_slice::<serde::de::IgnoredAny>(text) {
            Ok(_) => Ok(Content::Other),
            Err(error) => Err(ArtifactError::Json(error)),
        };
    }
    let file: File<'_> = serde_json::from_slice(text)?;
    if file.input.is_some() || file.output.is_some() {
        return build(&file);
    }
    if let Some(numbers) = file.source_id_to_path {
        return Ok(Content::Numbers(part(Some(numbers))?.unwrap_or_default()));
    }
    if file.abi.is_some() && (file.bytecode.is_some() || file.deployed.is_some()) {
        return Ok(Content::Contract(Box::new(contract(&file)?)));
    }
    Ok(Content::Other)
}

fn build(file: &File<'_>) -> Result<Content, ArtifactError> {
    // Hardhat 3 puts this before the paths of the project's own files.
    let is_hardhat_3 = file.format.as_ref().is_some_and(|format| format.starts_with("hh3-"));
    let own = |path: &str| match path.strip_prefix("project/") {
        Some(own) if is_hardhat_3 => own.to_owned(),
        _ => path.to_owned(),
    };
    let input: Option<InputJson<'_>> = part(file.input)?;
    let sources = input.map(|input| {
        let texts = input.sources.iter();
        let texts = texts.filter_map(|(path, source)| Some((path, source.content.as_deref()?)));
        texts.map(|(path, text)| Arc::new(Source::read(&own(path), text))).collect()
    });
    let output: Option<OutputJson<'_>> = part(file.output)?;
    let output = output.map(|output| {
        let numbers = output.sources.into_iter();
        let numbers = numbers.map(|(path, number)| (number.id, own(&path))).collect();
        let contracts = output.contracts.into_iter();
        let contracts = contracts.flat_map(|(path, contracts)| {
            let path = own(&path);
            contracts.into_iter().filter_map(move |(name, json)| {
                let evm = json.evm.as_ref();
                Some(Draft {
                    name: name.into_owned(),
                    file: path.clone(),
                    abi: abi(json.abi).ok()?,
                    creation: evm.and_then(|evm| code(evm.bytecode, None, None).ok()?),
                    runtime: evm.and_then(|evm| code(evm.deployed, None, None).ok()?),
                    id: None,
                    hashes: BTreeMap::new(),
                })
            })
        });
        Output { contracts: contracts.collect(), numbers }
    });
    let id: Option<String> = part(file.id).ok().flatten();
    Ok(Content::Build { id: id.unwrap_or_default(), sources, output })
}

fn contract(file: &File<'_>) -> Result<Draft, ArtifactError> {
    // Foundry writes metadata as an object; others write it as a text, which is of no use here.
    let metadata: Option<MetadataJson> = part(file.metadata).ok().flatten();
    let (mut name, mut path) = (file.name.clone(), file.file.clone());
    let mut hashes = BTreeMap::new();
    if let Some(metadata) = metadata {
        let target = metadata.settings.target.into_iter().next();
        if let Some((target_file, target_name)) = target {
            name = name.or(Some(target_name.into()));
            path = path.or(Some(target_file.into()));
        }
        let known = metadata.sources.into_iter();
        hashes = known.filter_map(|(path, hash)| Some((path, hash.keccak256?))).collect();
    }
    Ok(Draft {
        name: name.map(Cow::into_owned).unwrap_or_default(),
        file: path.map(Cow::into_owned).unwrap_or_default(),
        abi: abi(file.abi)?,
        creation: code(file.bytecode, file.links, None)?,
        runtime: code(file.deployed, file.deployed_links, file.immutables)?,
        id: part(file.id).ok().flatten(),
        hashes,
    })
}

fn abi(json: Option<&RawValue>) -> Result<Arc<JsonAbi>, ArtifactError> {
    Ok(Arc::new(part(json)?.unwrap_or_default()))
}

/// Code as an object of the compiler's, or as plain hex with the references beside it.
fn code(
    json: Option<&RawValue>,
    links: Option<&RawValue>,
    immutables: Option<&RawValue>,
) -> Result<Option<Arc<Code>>, ArtifactError> {
    let Some(json) = json else { return Ok(None) };
    let code: CodeJson<'_> = if json.get().starts_with('"') {
        CodeJson {
            object: Cow::Owned(serde_json::from_str(json.get())?),
            source_map: None,
            link_references: part(links)?.unwrap_or_default(),
            immutable_references: part(immutables)?.unwrap_or_default(),
        }
    } else {
        part(Some(json))?.unwrap_or_default()
    };
    let template = Template::read(&code.object, &code.link_references, &code.immutable_references);
    Ok(template.map(|template| Arc::new(Code::new(template, code.source_map.unwrap_or_default()))))
}

fn part<'a, T: Deserialize<'a>>(json: Option<&'a RawValue>) -> Result<Option<T>, ArtifactError> {
    let Some(json) = json else { return Ok(None) };
    Ok(serde_json::from_str(json.get())?)
}
