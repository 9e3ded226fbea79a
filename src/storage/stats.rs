//! How many rows and bytes does each table have?

use super::{
    Storage, StorageError,
    environment::{Environment, PAGES},
};
use serde::Serialize;

/// The figures of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TableStats {
    /// Its name.
    pub name: &'static str,
    /// How many rows.
    pub rows: u64,
    /// Bytes of its pages.
    pub bytes: u64,
}

/// The figures of an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvironmentStats {
    /// Its directory's name.
    pub name: String,
    /// Bytes of its file.
    pub bytes: u64,
    /// Bytes of a page.
    pub page_bytes: u64,
    /// Pages that were ever used.
    pub pages: u64,
    /// Pages of those that hold nothing now: the next writes use them, and compacting gives them back.
    pub free_pages: u64,
    /// Its tables.
    pub tables: Vec<TableStats>,
}

impl Storage {
    /// The figures of both environments.
    pub fn stats(&self) -> Result<[EnvironmentStats; 2], StorageError> {
        Ok([self.blocks.environment.stats()?, self.state.environment().stats()?])
    }
}

impl Environment {
    fn stats(&self) -> Result<EnvironmentStats, StorageError> {
        let tx = self.read()?;
        let stat = self.engine().stat()?;
        let page_bytes = u64::from(stat.page_size());
        let info = self.engine().info()?;
        let table = |table: &super::tables::Table| {
            let stat = tx.stat(*table)?;
            let pages = stat.branch_pages() + stat.leaf_pages() + stat.overflow_pages();
            let (rows, bytes) = (stat.entries() as u64, pages as u64 * page_bytes);
            Ok(TableStats { name: table.name, rows, bytes })
        };
        Ok(EnvironmentStats {
            name: self.dir.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            bytes: std::fs::metadata(self.dir.join(PAGES)).map_or(0, |file| file.len()),
            page_bytes,
            pages: info.last_pgno() as u64 + 1,
            free_pages: self.engine().freelist()? as u64,
            tables: self.names.iter().map(table).collect::<Result<_, StorageError>>()?,
        })
    }
}
