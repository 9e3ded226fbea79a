//! What does a page of numbers say? A reader of OpenMetrics' text form that takes nothing for granted.

use crate::wire::Client;
use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

/// One page.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// Kind of each name.
    kinds: BTreeMap<String, String>,
    /// Names with their labels, as they are on the page, and their values.
    values: BTreeMap<String, f64>,
}

/// Asks for the page at an address.
#[track_caller]
pub(crate) fn scrape(at: SocketAddr) -> Page {
    let (status, text) = Client::new(at).get_page("/metrics").unwrap();
    assert_eq!(status, 200, "{text}");
    Page::read(&text)
}

/// Where a node says that its numbers are.
#[track_caller]
pub(crate) fn place(said: &str) -> SocketAddr {
    let place = Regex::new(r"Metrics: +http://(\S+)/metrics").unwrap();
    let found = place.captures(said).unwrap_or_else(|| panic!("no place in {said}"));
    found[1].parse().unwrap()
}

impl Page {
    /// Every line must be understood, and every value belong to a name that was explained before.
    #[track_caller]
    fn read(text: &str) -> Self {
        let sample = Regex::new(r"^([a-z_]+)(\{[^}]*\})? (\S+)$").unwrap();
        let mut lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.pop(), Some("# EOF"), "the page ends early");
        let (mut page, mut helped, mut family) = (Self::default(), BTreeSet::new(), String::new());
        for line in lines {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, sentence) = help.split_once(' ').unwrap();
                assert!(sentence.ends_with('.'), "no sentence: {line}");
                assert!(helped.insert(name.to_owned()), "twice: {line}");
                continue;
            }
            if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(helped.contains(name), "{name} is not explained");
                name.clone_into(&mut family);
                page.kinds.insert(name.to_owned(), kind.to_owned());
                continue;
            }
            let found = sample.captures(line).unwrap_or_else(|| panic!("what is {line:?}?"));
            let endings: &[&str] = match page.kinds[&family].as_str() {
                "counter" => &["_total"],
                "histogram" => &["_sum", "_count", "_bucket"],
                "info" => &["_info"],
                "gauge" => &[""],
                other => panic!("{family} is of kind {other}"),
            };
            let rest = found[1].strip_prefix(family.as_str());
            assert!(rest.is_some_and(|rest| endings.contains(&rest)), "{line} is not of {family}");
            let value: f64 = found[3].replace("+Inf", "inf").parse().unwrap();
            let labels = found.get(2).map_or("", |labels| labels.as_str());
            let before = page.values.insert(format!("{}{labels}", &found[1]), value);
            assert_eq!(before, None, "twice: {line}");
        }
        page.check_histograms();
        page
    }

    /// Classes hold all that the classes below them hold, and the last one everything.
    #[track_caller]
    fn check_histograms(&self) {
        let bound = Regex::new(r#"le="([^"]+)",?"#).unwrap();
        let mut classes: BTreeMap<String, Vec<(f64, f64)>> = BTreeMap::new();
        for (name, count) in self.values.iter().filter(|(name, _)| name.contains("_bucket{")) {
            let found = bound.captures(name).unwrap_or_else(|| panic!("no bound: {name}"));
            let limit: f64 = found[1].replace("+Inf", "inf").parse().unwrap();
            let of = bound.replace(name, "").replace("_bucket", "_count").replace("{}", "");
            classes.entry(of).or_default().push((limit, *count));
        }
        for (name, mut classes) in classes {
            classes.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(classes.is_sorted_by(|one, next| one.1 <= next.1), "{name}: {classes:?}");
            let (last, all) = *classes.last().unwrap();
            assert_eq!((last, all), (f64::INFINITY, self.value(&name)), "{name}");
        }
    }

    /// The value of a name with its labels, as in `name{label="value"}`.
    #[track_caller]
    pub(crate) fn value(&self, name: &str) -> f64 {
        *self.values.get(name).unwrap_or_else(|| panic!("{name} is not on the page"))
    }

    /// The same; nothing if it is not there.
    pub(crate) fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).copied()
    }

    /// The names that a query may ask for, without labels.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let bare = |name: &'_ str| name.split('{').next().map_or(0, str::len);
        self.values.keys().map(|name| &name[..bare(name)]).collect()
    }

    /// Values that may only rise.
    pub(crate) fn counters(&self) -> impl Iterator<Item = (&String, f64)> {
        let rises = |name: &str| name.contains("_total") || name.contains("_count");
        self.values.iter().filter(move |(name, _)| rises(name)).map(|(name, value)| (name, *value))
    }
}
