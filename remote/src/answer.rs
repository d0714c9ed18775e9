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

/// Says why there is no store. What it quotes is left out: of a setting, it may be the secret.
pub(crate) fn problem(error: &object_store::Error) -> String {
    let text = line(&error.source().unwrap_or(error).to_string());
    match (text.find('"'), text.rfind('"')) {
        (Some(first), Some(last)) => format!("{}...{}", &text[..=first], &text[last..]),
        _ => text,
    }
}

/// Says in a line what was asked of a server and what it answered. The query of a URL may hold credentials.
fn said(error: &object_store::Error) -> String {
    let texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    let request = texts.iter().rev().find_map(|text| {
        let (request, _) = text.strip_prefix("Error performing ")?.split_once(" in ")?;
        request.split('?').next()
    });
    let answer = answer(texts.last().map_or("", String::as_str));
    match request {
        Some(request) => format!("{request}: {answer}"),
        None => answer,
    }
}

/// Says what the innermost error is, and of what a server sent with it the code and the message: the rest may repeat credentials.
fn answer(innermost: &str) -> String {
    let Some(sent) = innermost.strip_prefix("Server returned non-2xx status code: ") else {
        return line(innermost);
    };
    let (status, body) = sent.split_once(": ").unwrap_or((sent, ""));
    let plain = (!body.trim_start().starts_with('<')).then_some(body);
    let parts = [Some(status), element(body, "Code"), element(body, "Message"), plain];
    let parts = parts.into_iter().flatten().map(line).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(", ")
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
