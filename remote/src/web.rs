//! Web servers: read by all of them, written and listed through `WebDAV`.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use object_store::http::HttpBuilder;
use object_store::path::Path;
use object_store::{ClientOptions, ObjectStore};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::place::DEFAULTS;

/// Opens the server of a URL; returns the path too.
pub(crate) fn open(url: &Url) -> object_store::Result<(Arc<dyn ObjectStore>, Path)> {
    let origin = &url.origin().ascii_serialization();
    let connector = WebConnector { authorization: authorization(url) };
    let mut builder = HttpBuilder::new().with_url(origin).with_http_connector(connector);
    for (name, value) in DEFAULTS {
        builder = builder.with_config(name.parse()?, value);
    }
    Ok((Arc::new(builder.build()?), Path::from_url_path(url.path())?))
}

/// What a server answers that has no such method: one without `WebDAV`.
#[derive(Debug, thiserror::Error)]
#[error("{status}: a web server without WebDAV is only read from")]
pub(crate) struct ReadOnly {
    status: String,
}

/// Returns what a name and a password before the host are sent as.
fn authorization(url: &Url) -> Option<String> {
    let password = url.password();
    if url.username().is_empty() && password.is_none() {
        return None;
    }
    let mut text: Vec<u8> = percent_decode_str(url.username()).collect();
    text.push(b':');
    text.extend(percent_decode_str(password.unwrap_or_default()));
    Some(format!("Basic {}", BASE64_STANDARD.encode(text)))
}

struct WebConnector {
    authorization: Option<String>,
}

struct WebService {
    client: HttpClient,
    authorization: Option<String>,
}

impl fmt::Debug for WebConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebConnector").finish_non_exhaustive()
    }
}

impl fmt::Debug for WebService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebService").finish_non_exhaustive()
    }
}

impl HttpConnector for WebConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = ReqwestConnector::default().connect(options)?;
        let authorization = self.authorization.clone();
        Ok(HttpClient::new(WebService { client, authorization }))
    }
}

#[async_trait]
impl HttpService for WebService {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        if let Some(Ok(value)) = self.authorization.as_ref().map(|text| text.parse()) {
            request.headers_mut().insert("authorization", value);
        }
        let reads = matches!(request.method().as_str(), "GET" | "HEAD");
        let response = self.client.execute(request).await?;
        let status = response.status();
        // It has no such method. The second answer would be tried again, as if the server had broken down.
        if !reads && matches!(status.as_u16(), 405 | 501) {
            let answer = ReadOnly { status: status.to_string() };
            return Err(HttpError::new(HttpErrorKind::Unknown, answer));
        }
        Ok(response)
    }
}
