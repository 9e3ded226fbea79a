//! Numbers of the process, under the names that Prometheus' own libraries give them. Linux tells them;
//! elsewhere there are none.

use super::Page;
use std::{fmt, fs};

/// In which Linux counts a process's time, on every machine: hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;

/// What Linux says of this process.
#[derive(Debug, Default, PartialEq)]
struct Process {
    cpu_seconds: f64,
    threads: f64,
    /// Since the machine was started.
    started_seconds: f64,
    virtual_bytes: f64,
    resident_bytes: f64,
}

pub(super) fn write(page: &mut Page<'_>) -> fmt::Result {
    let Some(process) = process() else { return Ok(()) };
    page.seconds_counter("process_cpu_seconds", "Processor time.", process.cpu_seconds)?;
    page.gauge("process_resident_memory_bytes", "Memory in use.", process.resident_bytes)?;
    page.gauge("process_virtual_memory_bytes", "Address space.", process.virtual_bytes)?;
    page.gauge("process_threads", "Threads.", process.threads)?;
    if let Some(booted) = booted_seconds() {
        let started = booted + process.started_seconds;
        page.gauge("process_start_time_seconds", "Start, in seconds since 1970.", started)?;
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Counting takes one itself.
        let open = open.count().saturating_sub(1);
        page.gauge("process_open_fds", "Open files and connections.", open as f64)?;
    }
    match most_files() {
        Some(most) => page.gauge("process_max_fds", "How many may be open.", most),
        None => Ok(()),
    }
}

fn process() -> Option<Process> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    parsed(&stat, &status)
}

/// Reads `/proc/self/stat` and `/proc/self/status` as
/// [proc(5)](https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html) describes them.
fn parsed(stat: &str, status: &str) -> Option<Process> {
    // The name of the program may hold anything, and ends with the last parenthesis.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // The first of these is the third of the manual.
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let kilobytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        let count: f64 = line.split_whitespace().next()?.parse().ok()?;
        Some(count * 1024.0)
    };
    Some(Process {
        cpu_seconds: (field(14)? + field(15)?) / TICKS_PER_SECOND,
        threads: field(20)?,
        started_seconds: field(22)? / TICKS_PER_SECOND,
        virtual_bytes: kilobytes("VmSize:")?,
        resident_bytes: kilobytes("VmRSS:")?,
    })
}

/// When the machine was started, in seconds since 1970.
fn booted_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()
}

fn most_files() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_may_have_any_name() {
        let stat = "7 (a) b) R 1 7 7 0 -1 4194304 100 0 0 0 250 150 0 0 20 0 9 0 4200 1 2 3";
        let status = "Name:\ta) b\nVmSize:\t    2048 kB\nVmRSS:\t    1024 kB\n";
        let wanted = Process {
            cpu_seconds: 4.0,
            threads: 9.0,
            started_seconds: 42.0,
            virtual_bytes: 2_097_152.0,
            resident_bytes: 1_048_576.0,
        };
        assert_eq!(parsed(stat, status), Some(wanted));
        assert_eq!(parsed("7 (a) R 1", status), None, "a file that ends early");
        assert_eq!(parsed("", ""), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_and_files() {
        let process = process().unwrap();
        assert!(process.resident_bytes > 0.0 && process.virtual_bytes >= process.resident_bytes);
        assert!(process.threads >= 1.0);
        assert!(most_files().unwrap() > 2.0 && booted_seconds().unwrap() > 0.0);
    }
}
