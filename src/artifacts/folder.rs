//! Which contracts are in these folders? Files read once, and again only when they change.

use super::{
    ArtifactError, Library, built_in,
    contract::{Contract, Files},
    json::{self, Content, Draft},
    source::Source,
    walk::{Found, Stamp, Walk, stamp},
};
use alloy_primitives::{B256, keccak256};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// What may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArtifactLimits {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Files in all folders.
    pub files: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Something that was not read.
#[derive(Debug)]
pub struct Problem {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub error: ArtifactError,
}

/// Folders of artifacts, and what was last read of them.
#[derive(Debug)]
pub struct Folders {
    folders: Vec<PathBuf>,
    limits: ArtifactLimits,
    stop: Arc<AtomicBool>,
    files: BTreeMap<PathBuf, Known>,
    /// Source files that artifacts name, by their path on the disk.
    sources: BTreeMap<PathBuf, (Stamp, B256, Arc<Source>)>,
}

#[derive(Debug)]
struct Known {
    stamp: Stamp,
    /// Which of the folders it is in.
    folder: usize,
    /// What it said when it could last be read.
    content: Arc<Content>,
}

/// Folders above one of artifacts in which the sources may lie.
const MAX_ANCESTORS: usize = 6;
/// Longest source file, in bytes.
const MAX_SOURCE_BYTES: u64 = 16 << 20;

impl Folders {
    /// Nothing is read yet. Reading ends early when somebody sets `stop`.
    pub fn new(folders: Vec<PathBuf>, limits: ArtifactLimits, stop: Arc<AtomicBool>) -> Self {
        Self { folders, limits, stop, files: BTreeMap::new(), sources: BTreeMap::new() }
    }

    /// The folders.
    pub fn paths(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Reads what changed since, and answers all contracts that are there now, the built-in ones included,
    /// and what could not be read. A file that is broken keeps what it said before.
    pub fn load(&mut self) -> (Library, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut walk = Walk::new(&self.limits, &mut problems);
        for (index, folder) in self.folders.iter().enumerate() {
            walk.folder(index, folder);
        }
        let found = walk.found;
        let mut files = BTreeMap::new();
        for Found { path, stamp, folder } in found {
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
            let before = self.files.remove(&path);
            if let Some(known) = before.as_ref().filter(|known| known.stamp == stamp) {
                files.insert(path, Known { stamp, folder, content: known.content.clone() });
                continue;
            }
            let read = read(&path, self.limits.file_bytes).and_then(|text| json::read(&text));
            let known = match (read, before) {
                (Ok(content), _) => Known { stamp, folder, content: Arc::new(content) },
                (Err(error), before) => {
                    problems.push(Problem { path: path.clone(), error });
                    let Some(before) = before else { continue };
                    // Its time may be the same when it is completed.
                    Known { stamp: (0, None), folder, content: before.content }
                }
            };
            files.insert(path, known);
        }
        self.files = files;
        let contracts = self.contracts();
        (Library::new(contracts.into_iter().chain(built_in::contracts()).collect()), problems)
    }

    /// The contracts of everything that was read, each once a folder, in the order of their names.
    fn contracts(&mut self) -> Vec<Arc<Contract>> {
        let mut contracts = Vec::new();
        let mut used = BTreeSet::new();
        for (index, folder) in self.folders.clone().iter().enumerate() {
            let of_folder = self.files.iter().filter(|(_, known)| known.folder == index);
            let contents: Vec<_> =
                of_folder.map(|(path, known)| (path.clone(), known.content.clone())).collect();
            let mut named = of_builds(&contents);
            for (path, content) in &contents {
                let Content::Contract(draft) = content.as_ref() else { continue };
                let key = (draft.file.clone(), name(draft, path));
                // What a whole run of the compiler says has sources with it.
                if named.contains_key(&key) {
                    continue;
                }
                let files = self.files_of(draft, folder, &contents, &mut used);
                named.insert(key.clone(), contract(draft, key.1, files));
            }
            contracts.extend(named.into_values());
        }
        self.sources.retain(|path, _| used.contains(path));
        contracts
    }

    /// The source files of an artifact that only has their numbers: Foundry's.
    fn files_of(
        &mut self,
        draft: &Draft,
        folder: &Path,
        contents: &[(PathBuf, Arc<Content>)],
        used: &mut BTreeSet<PathBuf>,
    ) -> Arc<Files> {
        let Some(id) = draft.id else { return Arc::default() };
        let mut files = Files::new();
        for (number, path) in numbers_of(draft, id, contents) {
            let hash = draft.hashes.get(&path);
            // What is not among the files that it was made of cannot be meant.
            if !draft.hashes.is_empty() && hash.is_none() {
                continue;
            }
            if let Some((found, source)) = self.source(folder, &path, hash.copied()) {
                used.insert(found);
                files.insert(number, source);
            }
        }
        Arc::new(files)
    }

    /// A source file beside or above a folder, if its text is still the one that was compiled.
    fn source(
        &mut self,
        folder: &Path,
        path: &str,
        hash: Option<B256>,
    ) -> Option<(PathBuf, Arc<Source>)> {
        let folder = folder.canonicalize().ok()?;
        for root in folder.ancestors().take(MAX_ANCESTORS) {
            let place = root.join(path);
            let Ok(data) = fs::metadata(&place) else { continue };
            if !data.is_file() || data.len() > MAX_SOURCE_BYTES {
                continue;
            }
            let stamp = stamp(&data);
            let known = self.sources.get(&place).filter(|known| known.0 == stamp);
            let (_, found, source) = match known {
                Some(known) => known.clone(),
                None => {
                    let text = read(&place, MAX_SOURCE_BYTES).ok()?;
                    let source = Arc::new(Source::read(path, &String::from_utf8_lossy(&text)));
                    let read = (stamp, keccak256(&text), source);
                    self.sources.insert(place.clone(), read.clone());
                    read
                }
            };
            if hash.is_none_or(|hash| hash == found) {
                return Some((place, source));
            }
        }
        None
    }
}

fn name(draft: &Draft, path: &Path) -> String {
    if draft.name.is_empty() {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        return stem.split('.').next().unwrap_or_default().to_owned();
    }
    draft.name.clone()
}

fn contract(draft: &Draft, name: String, files: Arc<Files>) -> Arc<Contract> {
    Arc::new(Contract {
        name,
        file: draft.file.clone(),
        abi: draft.abi.clone(),
        creation: draft.creation.clone(),
        runtime: draft.runtime.clone(),
        files,
    })
}

/// The contracts of whole runs of the compiler, whose input and output are in one file or in two.
fn of_builds(contents: &[(PathBuf, Arc<Content>)]) -> BTreeMap<(String, String), Arc<Contract>> {
    let mut contracts = BTreeMap::new();
    let mut sources: BTreeMap<&str, &[Arc<Source>]> = BTreeMap::new();
    for (_, content) in contents {
        if let Content::Build { id, sources: Some(found), .. } = content.as_ref() {
            sources.insert(id, found);
        }
    }
    for (_, content) in contents {
        let Content::Build { id, output: Some(output), sources: own } = content.as_ref() else {
            continue;
        };
        let texts =
            own.as_deref().or_else(|| sources.get(id.as_str()).copied()).unwrap_or_default();
        let file = |path: &String| texts.iter().find(|source| source.path == *path).cloned();
        let files = output.numbers.iter();
        let files = files.filter_map(|(number, path)| Some((*number, file(path)?)));
        let files: Arc<Files> = Arc::new(files.collect());
        for draft in &output.contracts {
            let key = (draft.file.clone(), draft.name.clone());
            contracts.insert(key, contract(draft, draft.name.clone(), files.clone()));
        }
    }
    contracts
}

/// The numbers of files in the run of the compiler that an artifact came from. Where several are there,
/// the one that has all its files, with its own under its own number.
fn numbers_of(
    draft: &Draft,
    id: u32,
    contents: &[(PathBuf, Arc<Content>)],
) -> BTreeMap<u32, String> {
    for (_, content) in contents {
        let Content::Numbers(numbers) = content.as_ref() else { continue };
        let has_own = numbers.get(&id) == Some(&draft.file);
        let paths: BTreeSet<&String> = numbers.values().collect();
        if has_own && draft.hashes.keys().all(|path| paths.contains(path)) {
            return numbers.clone();
        }
    }
    // Without one, every artifact knows its own number at least.
    let drafts = contents.iter().filter_map(|(_, content)| match content.as_ref() {
        Content::Contract(draft) => Some((draft.id?, draft.file.clone())),
        _ => None,
    });
    drafts.chain([(id, draft.file.clone())]).collect()
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ArtifactError> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(limit + 1).read_to_end(&mut text)?;
    if text.len() as u64 > limit {
        return Err(ArtifactError::TooLong { bytes: text.len() as u64, limit });
    }
    Ok(text)
}
