//! Flags that choose rows and columns, as `query` and `export` have them.

use barrow_store::query::{AssetChoice, MetadataCondition, Query};

use crate::instant::{When, span};

/// Flags that choose rows and columns.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct SelectionArgs {
    /// Symbols, or patterns such as 'A*' and 'BRK.?', separated by commas [default: all]
    #[arg(short, long, value_delimiter = ',', value_name = "SYMBOLS")]
    pub(crate) assets: Vec<String>,
    /// Only assets whose metadata says so: 'sector=Tech', 'exchange!=X*'; may be given again
    #[arg(long = "meta", value_name = "MEMBER=TEXT")]
    pub(crate) metadata: Vec<MetadataCondition>,
    /// Columns beside symbol and time, separated by commas [default: all]
    #[arg(short, long, value_delimiter = ',', value_name = "COLUMNS")]
    pub(crate) columns: Vec<String>,
    /// First date or instant (UTC): 2012-01-03, 2012-01, 2012, 2012-01-03T14:30:00Z
    #[arg(long, value_name = "WHEN")]
    pub(crate) from: Option<When>,
    /// Last date or instant; a date, month or year is taken in whole
    #[arg(long, value_name = "WHEN")]
    pub(crate) to: Option<When>,
    /// Only rows where a condition holds: 'close > 100 and volume >= 1e6'
    #[arg(
        short = 'w',
        long = "filter",
        visible_alias = "where",
        value_name = "CONDITION",
        allow_hyphen_values = true
    )]
    pub(crate) filter: Option<String>,
}

impl SelectionArgs {
    /// The query that asks for these rows and columns.
    ///
    /// # Errors
    /// When the stretch ends before it begins.
    pub(crate) fn query(&self) -> anyhow::Result<Query> {
        let (from, to) = span(self.from, self.to)?.into_inner();
        Ok(Query {
            assets: AssetChoice { symbols: self.assets.clone(), metadata: self.metadata.clone() },
            from_ns: Some(from),
            to_ns: Some(to),
            filter: self.filter.clone(),
            columns: self.columns.clone(),
            ..Query::default()
        })
    }
}
