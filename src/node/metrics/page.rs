//! How is a number written? With a name, a sentence, and labels where there are several.

use crate::primitives::Spread;
use prometheus_client::{
    encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
};
use std::fmt;

/// Names and values that tell apart the numbers under one name.
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;

/// The page that is being written.
#[derive(Debug)]
pub(super) struct Page<'a>(DescriptorEncoder<'a>);

impl<'a> Page<'a> {
    pub(super) const fn new(encoder: DescriptorEncoder<'a>) -> Self {
        Self(encoder)
    }

    /// Facts that are no numbers. The name ends in `_info` on the page.
    pub(super) fn info(
        &mut self,
        name: &str,
        help: &str,
        facts: &[(&'static str, &str)],
    ) -> fmt::Result {
        self.begin(name, help, MetricType::Info)?.encode_info(&facts)
    }

    /// A number that may rise and fall.
    pub(super) fn gauge(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        ConstGauge::new(value).encode(self.begin(name, help, MetricType::Gauge)?)
    }

    /// Several of them.
    pub(super) fn gauges<'l>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels<'l>, f64)>,
    ) -> fmt::Result {
        let mut family = self.begin(name, help, MetricType::Gauge)?;
        values.into_iter().try_for_each(|(labels, value)| {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)
        })
    }

    /// A number that only rises. The name ends in `_total` on the page.
    pub(super) fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        ConstCounter::new(value).encode(self.begin(name, help, MetricType::Counter)?)
    }

    /// Several of them.
    pub(super) fn counters<'l>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels<'l>, u64)>,
    ) -> fmt::Result {
        let mut family = self.begin(name, help, MetricType::Counter)?;
        values.into_iter().try_for_each(|(labels, value)| {
            ConstCounter::new(value).encode(family.encode_family(&labels)?)
        })
    }

    /// Seconds that only grow.
    pub(super) fn seconds_counter(&mut self, name: &str, help: &str, value: f64) -> fmt::Result {
        ConstCounter::new(value).encode(self.begin(name, help, MetricType::Counter)?)
    }

    /// How long things took.
    pub(super) fn durations<'l>(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels<'l>, &'l Spread)>,
    ) -> fmt::Result {
        let mut family = self.begin(name, help, MetricType::Histogram)?;
        values.into_iter().try_for_each(|(labels, spread)| {
            let mut histogram = family.encode_family(&labels)?;
            let Spread { seconds, count, classes } = spread;
            histogram.encode_histogram::<NoLabelSet>(*seconds, *count, classes, None)
        })
    }

    fn begin<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        kind: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, kind)
    }
}
