//! [`Database`]: a catalog that SQL is asked of.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use async_trait::async_trait;
use barrow_store::Catalog;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SQLOptions, SessionConfig, SessionContext};
use futures::StreamExt;
use tokio::runtime::Runtime;

use crate::error::{Error, Result, external};
use crate::table::BundleTable;

/// A catalog of bundles that SQL is asked of.
///
/// A table is a bundle, at its newest version, under its [table name](table_name), or in double quotes
/// under its own name or as `"name@version"`. A statement sees one version of each bundle.
///
/// # Examples
///
/// ```no_run
/// use barrow_sql::Database;
/// use barrow_store::Catalog;
///
/// let database = Database::new(Catalog::at("bundles"))?;
/// let mut answer = database.query("select symbol, avg(close) from us_daily group by symbol")?;
/// for batch in &mut answer {
///     println!("{} rows", batch?.num_rows());
/// }
/// # Ok::<(), barrow_sql::Error>(())
/// ```
pub struct Database {
    context: SessionContext,
    runtime: Arc<Runtime>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").finish_non_exhaustive()
    }
}

/// The name under which SQL knows a bundle without quotes: `-` and `.` become `_`, letters small.
pub fn table_name(bundle: &str) -> String {
    bundle.replace(['-', '.'], "_").to_ascii_lowercase()
}

impl Database {
    /// Makes a database of the bundles of a catalog. Bundles are looked up when a statement names them.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] when the system gives no resources for it.
    pub fn new(catalog: Catalog) -> Result<Self> {
        let config = SessionConfig::new()
            .with_default_catalog_and_schema("barrow", "bundles")
            .with_information_schema(true);
        let context = SessionContext::new_with_config(config);
        context.register_catalog("barrow", Arc::new(Bundles { catalog }));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| Error::from(external(error)))?;
        Ok(Self { context, runtime: Arc::new(runtime) })
    }

    /// Begins to answer a statement. Batches are computed as they are taken, so an answer may be larger
    /// than memory.
    ///
    /// # Errors
    ///
    /// [`Error::Query`] when the statement cannot be planned, [`Error::NotAQuery`] when it would change
    /// something, [`Error::Ambiguous`] when a table may be two bundles.
    pub fn query(&self, sql: &str) -> Result<Answer> {
        let answer = self.runtime.block_on(async {
            let plan = self.context.state().create_logical_plan(sql).await?;
            let options = SQLOptions::new()
                .with_allow_ddl(false)
                .with_allow_dml(false)
                .with_allow_statements(false);
            if options.verify_plan(&plan).is_err() || matches!(plan, LogicalPlan::Copy(_)) {
                return Ok(None);
            }
            let frame = self.context.execute_logical_plan(plan).await?;
            Ok::<_, DataFusionError>(Some(frame.execute_stream().await?))
        });
        match answer {
            Ok(Some(stream)) => Ok(Answer { stream, runtime: self.runtime.clone() }),
            Ok(None) => Err(Error::NotAQuery),
            Err(error) => Err(unwrapped(error)),
        }
    }

    /// The plan of a statement as text: what is pushed down into which scan, and how many rows that
    /// leaves.
    ///
    /// # Errors
    ///
    /// As [`Database::query`].
    pub fn explain(&self, sql: &str) -> Result<String> {
        self.runtime.block_on(async {
            let plan = self.context.state().create_logical_plan(sql).await.map_err(unwrapped)?;
            let physical = self.context.state().create_physical_plan(&plan).await?;
            let shown = datafusion::physical_plan::displayable(physical.as_ref());
            Ok(shown.indent(false).to_string())
        })
    }
}

/// An error of ours that came back through `DataFusion`, as it went in.
fn unwrapped(error: DataFusionError) -> Error {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(inner) => DataFusionError::External(inner).into(),
        },
        other => other.into(),
    }
}

/// The answer to a query: its batches, one after the other.
pub struct Answer {
    stream: SendableRecordBatchStream,
    runtime: Arc<Runtime>,
}

impl Answer {
    /// The schema of all batches.
    pub fn schema(&self) -> SchemaRef {
        self.stream.schema()
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").field("schema", &self.schema()).finish_non_exhaustive()
    }
}

impl Iterator for Answer {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.runtime.block_on(self.stream.next())?;
        Some(batch.map_err(unwrapped))
    }
}

/// The catalog's bundles as tables.
#[derive(Clone, Debug)]
struct Bundles {
    catalog: Catalog,
}

impl CatalogProvider for Bundles {
    fn schema_names(&self) -> Vec<String> {
        vec!["bundles".to_owned()]
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        (name == "bundles").then(|| Arc::new(self.clone()) as Arc<dyn SchemaProvider>)
    }
}

impl Bundles {
    /// What to lease for a table: the bundle of that name, with a version or without, or the one whose
    /// table name it is.
    fn spec(&self, table: &str) -> std::result::Result<Option<String>, DataFusionError> {
        let names = self.catalog.names().map_err(external)?;
        let (bundle, version) = match table.split_once('@') {
            Some((bundle, version)) => (bundle, Some(version)),
            None => (table, None),
        };
        let spec = |name: &str| match version {
            Some(version) => format!("{name}@{version}"),
            None => name.to_owned(),
        };
        if names.iter().any(|name| name == bundle) {
            return Ok(Some(spec(bundle)));
        }
        let mut alike = names.iter().filter(|name| table_name(name) == table_name(bundle));
        match (alike.next(), alike.next()) {
            (Some(first), Some(second)) => Err(external(Error::Ambiguous {
                table: table.to_owned(),
                first: first.clone(),
                second: second.clone(),
            })),
            (found, _) => Ok(found.map(|name| spec(name))),
        }
    }
}

#[async_trait]
impl SchemaProvider for Bundles {
    fn table_names(&self) -> Vec<String> {
        let names = self.catalog.names().unwrap_or_default();
        names.iter().map(|name| table_name(name)).collect()
    }

    async fn table(
        &self,
        name: &str,
    ) -> std::result::Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Some(spec) = self.spec(name)? else { return Ok(None) };
        let lease = self.catalog.lease(&spec).map_err(external)?;
        Ok(Some(Arc::new(BundleTable::new(lease))))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.spec(name).is_ok_and(|spec| spec.is_some())
    }
}
