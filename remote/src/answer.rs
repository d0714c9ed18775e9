//! What a store answers, as an I/O error that people can read.

use std::error::Error;
use std::io;

use object_store::client::{HttpError, HttpErrorKind};

use crate::web::ReadOnly;

/// Says what a store answered.
pub(crate) fn failure(error: &object_store::Error) -> io::Error {
    io::Error::new(kind(error), said(error))
}

fn kind(error: &object_store::Error) -> io::ErrorKind {
    use object_store::Error as Answer;
    match error {
        Answer::NotFound { .. } => io::ErrorKind::NotFound,
        Answer::PermissionDenied { .. } | Answer::Unauthenticated { .. } => {
            io::ErrorKind::PermissionDenied
        }
        Answer::NotSupported { .. } | Answer::NotImplemented { .. } => io::ErrorKind::Unsupported,
        _ if chain(error).any(<dyn Error>::is::<ReadOnly>) => io::ErrorKind::Unsupported,
        _ => match chain(error).find_map(|it| it.downcast_ref::<HttpError>()) {
            Some(http) if http.kind() == HttpErrorKind::Timeout => io::ErrorKind::TimedOut,
            Some(http) if http.kind() == HttpErrorKind::Connect => io::ErrorKind::NotConnected,
            _ => io::ErrorKind::Other,
        },
    }
}

/// Says what was asked of a server and what it answered, in a line: the innermost error, and of a longer answer the code and the
/// message. The rest of it may repeat credentials, and so may the query of a URL.
pub(crate) fn said(error: &object_store::Error) -> String {
    let texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    let request = texts.iter().rev().find_map(|text| {
        let (request, _) = text.strip_prefix("Error performing ")?.split_once(" in ")?;
        request.split('?').next()
    });
    let innermost = texts.last().map_or("", String::as_str);
    let answer = innermost.strip_prefix("Server returned non-2xx status code: ");
    let answer = answer.map_or_else(
        || line(innermost),
        |answer| {
            let (status, body) = answer.split_once(": ").unwrap_or((answer, ""));
            let (code, message) = (element(body, "Code"), element(body, "Message"));
            let plain = (!body.trim_start().starts_with('<')).then_some(body);
            let parts = [Some(status), code, message, plain].into_iter().flatten().map(line);
            parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
        },
    );
    request.map_or_else(|| answer.clone(), |request| format!("{request}: {answer}"))
}

/// Returns the first line of a text, or as much of it as people read.
fn line(text: &str) -> String {
    text.trim().lines().next().unwrap_or("").chars().take(200).collect()
}

/// Returns what an XML element of a text contains, the first of this name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inner, _)| inner)
}

/// Returns an error and its sources.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let mut next = Some(error);
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}
