//! Which test files and cases are there, which of them pass, and how is that told?

use super::TestArgs;
use crate::cli::with_causes;
use rayon::{ThreadPoolBuildError, ThreadPoolBuilder, prelude::*};
use serde::Serialize;
use serde_json::Value;
use std::{
    error::Error,
    fs, io,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::mpsc,
    thread,
    time::Duration,
};

/// A case that takes longer has failed.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Bytes of stack of a case: deep lists and deep calls must not end the run.
const STACK: usize = 64 << 20;

/// The name of the one case of a file that cannot be read.
const WHOLE_FILE: &str = "(file)";

/// Why a case failed.
pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// One case of a test file, ready to run on any thread.
pub(super) struct Case {
    /// As in the file.
    pub(super) name: String,
    run: Box<dyn FnOnce() -> Result<(), Failure> + Send>,
}

impl Case {
    /// A case with what must succeed.
    pub(super) fn new<E: Into<Failure>>(
        name: impl Into<String>,
        run: impl FnOnce() -> Result<(), E> + Send + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(|| run().map_err(Into::into)) }
    }
}

/// Why tests could not be run or told at all.
#[derive(Debug, thiserror::Error)]
pub(super) enum TestError {
    /// A path that was named does not exist, or may not be read.
    #[error("cannot read {path}")]
    Walk {
        /// That was named, or is below it.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The results could not be written.
    #[error("cannot write {path}")]
    Report {
        /// Of `--json`.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Standard output is closed.
    #[error("cannot write to standard output")]
    Output(#[source] io::Error),
    /// The system gives no threads.
    #[error("cannot start threads")]
    Pool(#[source] ThreadPoolBuildError),
    /// The system gives no more threads.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
}

/// Why a case failed that did not say so itself.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("cannot read the file")]
    Read(#[source] io::Error),
    #[error("not JSON")]
    Json(#[source] serde_json::Error),
    #[error("panic: {0}")]
    Panic(String),
    #[error("still running after {0:?}")]
    TooSlow(Duration),
    #[error("the time is over: it took {0:?}")]
    Slow(Duration),
}

/// How one case ended.
#[derive(Serialize)]
struct Outcome {
    file: String,
    case: String,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
}

/// All results, as `--json` writes them.
#[derive(Serialize)]
struct Report {
    passed: usize,
    total: usize,
    cases: Vec<Outcome>,
}

/// Runs every case of every file below the paths, files and cases in parallel, and tells each one
/// when it has ended. `split` says which cases a file holds.
pub(super) fn run(
    args: &TestArgs,
    split: impl Fn(&Path, Value) -> Vec<Case> + Sync,
) -> Result<ExitCode, TestError> {
    let mut files = Vec::new();
    for path in &args.paths {
        walk(path, &mut files)?;
    }
    // Not rayon's global pool: the cases themselves work there, and its threads would wait for them.
    let pool = ThreadPoolBuilder::new().build().map_err(TestError::Pool)?;
    let outcomes: Result<Vec<Vec<Outcome>>, TestError> =
        pool.install(|| files.par_iter().map(|file| run_file(args, file, &split)).collect());
    let cases: Vec<Outcome> = outcomes?.into_iter().flatten().collect();
    let passed = cases.iter().filter(|case| case.passed).count();
    let report = Report { passed, total: cases.len(), cases };
    if let Some(path) = &args.json {
        write_report(path, &report)?;
    }
    writeln!(io::stdout().lock(), "PASS {}/{}", report.passed, report.total)
        .map_err(TestError::Output)?;
    Ok(match (report.passed, report.total) {
        (_, 0) => ExitCode::from(2),
        (passed, total) if passed == total => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Adds every `*.json` below a folder, or the file itself, in the order of names.
fn walk(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), TestError> {
    let fail = |source| TestError::Walk { path: path.to_owned(), source };
    if !fs::metadata(path).map_err(fail)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries: Result<Vec<_>, _> = fs::read_dir(path).map_err(fail)?.collect();
    let mut below: Vec<_> = entries.map_err(fail)?.iter().map(fs::DirEntry::path).collect();
    below.sort();
    for path in below {
        if path.is_dir() || path.extension().is_some_and(|extension| extension == "json") {
            walk(&path, files)?;
        }
    }
    Ok(())
}

fn run_file(
    args: &TestArgs,
    file: &Path,
    split: &(impl Fn(&Path, Value) -> Vec<Case> + Sync),
) -> Result<Vec<Outcome>, TestError> {
    let name = file.display().to_string();
    let wanted = |case: &Case| {
        let title = format!("{name} :: {}", case.name);
        args.only.as_ref().is_none_or(|only| only.is_match(&title))
    };
    let cases = read_cases(file, split);
    let cases: Vec<Case> = cases.into_iter().filter(wanted).collect();
    let run = |case: Case| {
        let title = case.name.clone();
        let why = run_case(case)?.err().map(|error| with_causes(error.as_ref()));
        let outcome = Outcome { file: name.clone(), case: title, passed: why.is_none(), why };
        tell(&outcome).map_err(TestError::Output)?;
        Ok(outcome)
    };
    cases.into_par_iter().map(run).collect()
}

/// The cases of a file; one that fails if the file cannot be read.
fn read_cases(file: &Path, split: &impl Fn(&Path, Value) -> Vec<Case>) -> Vec<Case> {
    let broken = |error: Broken| vec![Case::new(WHOLE_FILE, move || Err::<(), _>(error))];
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) => return broken(Broken::Read(error)),
    };
    let content = match serde_json::from_slice(&text) {
        Ok(content) => content,
        Err(error) => return broken(Broken::Json(error)),
    };
    let cases = catch_unwind(AssertUnwindSafe(|| split(file, content)));
    cases.unwrap_or_else(|panic| broken(Broken::Panic(words(panic.as_ref()))))
}

/// Runs a case on a thread of its own, so that neither a panic nor an endless loop ends the others.
fn run_case(case: Case) -> Result<Result<(), Failure>, TestError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let begin = std::time::Instant::now();
    let run = move || {
        let done = catch_unwind(AssertUnwindSafe(case.run));
        let done = done.unwrap_or_else(|panic| Err(Broken::Panic(words(panic.as_ref())).into()));
        // Nobody listens any more once the time is over.
        let _ = sender.send(done);
    };
    let thread = thread::Builder::new().name("test-case".to_owned()).stack_size(STACK);
    let thread = thread.spawn(run).map_err(TestError::Thread)?;
    let Ok(done) = receiver.recv_timeout(TIME_LIMIT) else {
        return Ok(Err(Broken::TooSlow(TIME_LIMIT).into()));
    };
    let _ = thread.join();
    let took = begin.elapsed();
    Ok(if done.is_ok() && took > TIME_LIMIT { Err(Broken::Slow(took).into()) } else { done })
}

/// What a panic said.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words").to_owned()
}

fn tell(outcome: &Outcome) -> io::Result<()> {
    let Outcome { file, case, .. } = outcome;
    let mut out = io::stdout().lock();
    match &outcome.why {
        None => writeln!(out, "ok {file} :: {case}"),
        Some(why) => writeln!(out, "FAIL {file} :: {case}: {}", why.replace('\n', " ")),
    }
}

fn write_report(path: &Path, report: &Report) -> Result<(), TestError> {
    let fail = |source| TestError::Report { path: path.to_owned(), source };
    let text = serde_json::to_vec_pretty(report).map_err(|error| fail(error.into()))?;
    fs::write(path, text).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases() -> Vec<Case> {
        vec![
            Case::new("good", || Ok::<(), Failure>(())),
            Case::new("bad", || Err::<(), Failure>("because".into())),
            Case::new("worse", || -> Result<(), Failure> { panic!("at {}", 7) }),
        ]
    }

    #[test]
    fn a_panic_is_a_failure_with_its_words() {
        let why = |case: Case| run_case(case).unwrap().err().map(|error| error.to_string());
        let whys: Vec<_> = cases().into_iter().map(why).collect();
        assert_eq!(whys, [None, Some("because".to_owned()), Some("panic: at 7".to_owned())]);
    }

    #[test]
    fn every_case_below_a_folder_counts_and_broken_files_fail() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("below")).unwrap();
        fs::write(folder.path().join("below/a.json"), "{}").unwrap();
        fs::write(folder.path().join("b.json"), "{").unwrap();
        fs::write(folder.path().join("c.txt"), "{}").unwrap();
        let report = folder.path().join("report");
        let run = |only: Option<&str>| {
            let only = only.map(|text| regex::Regex::new(text).unwrap());
            let paths = vec![folder.path().to_owned()];
            let args = TestArgs { paths, only, json: Some(report.clone()) };
            let code = run(&args, |_file, _content| cases()).unwrap();
            let report: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
            (code, report["passed"].as_u64().unwrap(), report["total"].as_u64().unwrap())
        };
        assert_eq!(run(None), (ExitCode::FAILURE, 1, 4));
        assert_eq!(run(Some("a.json :: good$")), (ExitCode::SUCCESS, 1, 1));
        assert_eq!(run(Some("nothing")), (ExitCode::from(2), 0, 0));
    }
}
