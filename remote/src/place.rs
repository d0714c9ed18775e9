//! [`ObjectStoreRemote`]: a remote over an object store.

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::{Arc, LazyLock, mpsc};
use std::time::{Duration, SystemTime};

use barrow_store::Remote;
use futures::StreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload};
use tokio::runtime::{Builder, Runtime};
use url::Url;

use crate::answer::{failure, problem};
use crate::error::{Error, Result};
use crate::web;

/// Protocols of buckets.
const BUCKETS: [&str; 3] = ["s3", "s3a", "gs"];

/// Protocols of Azure, whose URLs may name the container before the account: `az://container@account/prefix`.
const AZURE: [&str; 5] = ["az", "azure", "adl", "abfs", "abfss"];

/// Settings of the environment that are the store's: those that the vendors' own tools read.
const SETTINGS: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];

/// Settings that the environment may override: whoever names a server by `http://` means it, and an object of 8 MiB takes longer than
/// the store's 30 seconds on a slow line that four of them share.
pub(crate) const DEFAULTS: [(&str, &str); 2] = [("allow_http", "true"), ("timeout", "5 minutes")];

/// An object store as a [`Remote`]: a bucket, a container, a web server.
///
/// Requests are repeated as `object_store` does it: what the server cannot do at the moment, ten times in three minutes at most. Any number
/// of threads may call, also those of an asynchronous runtime, which then wait: two threads of the process move the bytes.
///
/// # Examples
///
/// ```no_run
/// use barrow_remote::ObjectStoreRemote;
/// use barrow_store::{Catalog, TransferOptions};
///
/// let remote = ObjectStoreRemote::at("s3://bars/daily")?;
/// let fetched = Catalog::at("/var/lib/bars").fetch("us-daily", &remote, &TransferOptions::default())?;
/// println!("{} bytes came", fetched.bytes_fetched);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct ObjectStoreRemote {
    name: String,
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl ObjectStoreRemote {
    /// Names the remote at a URL: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, `https://host/path`. The place is not asked.
    ///
    /// Credentials and other settings are those of the environment: `AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL`,
    /// `GOOGLE_APPLICATION_CREDENTIALS`, `AZURE_STORAGE_ACCOUNT_NAME` and whatever else `object_store` knows by these beginnings. Without them, the
    /// machine's own are asked for. A name and a password before the host of an `https://` are sent to it, and never shown.
    ///
    /// # Errors
    ///
    /// [`Error`]: where the URL names none of these, or the settings cannot be used.
    pub fn at(url: &str) -> Result<Self> {
        let url = Url::parse(url)?;
        let shown = shown(&url);
        let name = shown.to_string();
        if url.query().or(url.fragment()).is_some() {
            return Err(Error::Query { remote: name });
        }
        let opened = match url.scheme() {
            "http" | "https" => web::open(&url),
            scheme if BUCKETS.contains(&scheme) || AZURE.contains(&scheme) => {
                object_store::parse_url_opts(&shown, settings())
                    .map(|(store, prefix)| (store.into(), prefix))
            }
            scheme => return Err(Error::Scheme { scheme: scheme.to_owned() }),
        };
        match opened {
            Ok((store, prefix)) => Ok(Self { name, store, prefix }),
            Err(error) => Err(Error::Store { remote: name, problem: problem(&error) }),
        }
    }

    /// Makes a remote of a store that was opened otherwise, below a prefix, which may be empty. People know it by `name`.
    pub fn over(store: Arc<dyn ObjectStore>, prefix: Path, name: impl Into<String>) -> Self {
        Self { name: name.into(), store, prefix }
    }

    /// Asks the store for something that lies under a key.
    fn ask<T: Send + 'static, F>(
        &self,
        key: &str,
        question: impl FnOnce(Arc<dyn ObjectStore>, Path) -> F,
    ) -> io::Result<T>
    where
        F: Future<Output = object_store::Result<T>> + Send + 'static,
    {
        let path = self.prefix.parts().chain(Path::from(key).parts()).collect();
        wait(question(Arc::clone(&self.store), path))
    }
}

impl fmt::Debug for ObjectStoreRemote {
    /// Shows the name alone: the store may show its credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectStoreRemote").field(&self.name).finish()
    }
}

impl Remote for ObjectStoreRemote {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn bytes_of(&self, key: &str) -> io::Result<Option<u64>> {
        found(self.ask(key, |store, path| async move { Ok(store.head(&path).await?.size) }))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let list = |store: Arc<dyn ObjectStore>, path: Path| async move {
            store.list_with_delimiter(Some(&path)).await
        };
        let listed = self.ask(folder, list)?;
        let objects = listed.objects.iter().map(|object| &object.location);
        let paths = listed.common_prefixes.iter().chain(objects);
        Ok(paths.filter_map(|path| path.filename().map(str::to_owned)).collect())
    }

    fn read(&self, key: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        self.ask(key, |store, path| async move {
            // Not a range: web servers need not know any, and nearly everything is shorter.
            let mut stream = store.get(&path).await?.into_stream();
            let mut bytes = Vec::new();
            while bytes.len() < bytes_max
                && let Some(more) = stream.next().await
            {
                bytes.extend_from_slice(&more?);
            }
            bytes.truncate(bytes_max);
            Ok(bytes)
        })
    }

    fn write(&self, key: &str, bytes: &[u8]) -> io::Result<()> {
        let payload = PutPayload::from(bytes.to_vec());
        self.ask(key, |store, path| async move { store.put(&path, payload).await.map(drop) })
    }

    fn age_of(&self, key: &str) -> io::Result<Option<Duration>> {
        let written =
            self.ask(key, |store, path| async move { Ok(store.head(&path).await?.last_modified) });
        let Some(written) = found(written)?.map(SystemTime::from) else { return Ok(None) };
        // What the store says of an object whose server said nothing.
        if written == SystemTime::UNIX_EPOCH {
            let problem = "the server does not tell when the object was written";
            return Err(io::Error::new(io::ErrorKind::Unsupported, problem));
        }
        // Of the future: written just now, by a clock that is ahead.
        Ok(Some(written.elapsed().unwrap_or_default()))
    }

    fn remove(&self, key: &str) -> io::Result<()> {
        let removed = self.ask(key, |store, path| async move { store.delete(&path).await });
        found(removed).map(|_| ())
    }
}

/// Does something on the threads that talk to servers, and waits for it.
fn wait<T: Send + 'static>(
    work: impl Future<Output = object_store::Result<T>> + Send + 'static,
) -> io::Result<T> {
    static RUNTIME: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
        let mut threads = Builder::new_multi_thread();
        threads.worker_threads(2).thread_name("barrow-remote").enable_all().build()
    });
    let runtime =
        RUNTIME.as_ref().map_err(|error| io::Error::new(error.kind(), error.to_string()))?;
    // Not `block_on`, which panics on a thread of another runtime.
    let (answer, answered) = mpsc::sync_channel(1);
    runtime.spawn(async move { answer.send(work.await) });
    answered.recv().map_err(io::Error::other)?.map_err(|error| failure(&error))
}

/// Takes "there is no such object" for an answer.
fn found<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        outcome => outcome.map(Some),
    }
}

/// Returns the settings of a store, those last that count.
fn settings() -> impl Iterator<Item = (String, String)> {
    let defaults = DEFAULTS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    let is_ours = |(name, _): &(String, String)| SETTINGS.iter().any(|it| name.starts_with(it));
    defaults.into_iter().chain(std::env::vars_os().filter_map(text).filter(is_ours))
}

/// Returns what people may see of a URL: nobody's name or password, and no query.
fn shown(url: &Url) -> Url {
    let mut url = url.clone();
    // Fails where there is no host, and nothing before it.
    let _ = url.set_password(None);
    if !AZURE.contains(&url.scheme()) {
        let _ = url.set_username("");
    }
    url.set_query(None);
    url.set_fragment(None);
    url
}
