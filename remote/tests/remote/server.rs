//! A web server that keeps objects in memory, takes them by `PUT`, and misbehaves on demand.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};

/// How a server behaves.
#[derive(Clone, Copy)]
pub(crate) enum Mood {
    Sound,
    /// Answers these many requests, then hangs up on everybody.
    Breaks {
        answered: usize,
    },
    /// Answers everything with a status and a text.
    Answers(u16, &'static str),
    /// Says how long an answer is, and hangs up before its end.
    Cuts,
    /// Answers the next request with 503, and then as it should.
    Stumbles,
    /// Knows `GET` and `HEAD` alone, and answers everything else with a status.
    ReadOnly(u16),
    /// Says when everything was written, or does not.
    Written(Option<&'static str>),
}

struct State {
    mood: Mood,
    objects: BTreeMap<String, Vec<u8>>,
    /// How often each was written.
    writes: BTreeMap<String, u32>,
    authorization: Option<String>,
}

pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("no thread panicked")
}

struct Request {
    method: String,
    key: String,
    body: Vec<u8>,
}

impl Server {
    /// Starts a server, whose thread ends with the process.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let state = State {
            mood: Mood::Sound,
            objects: BTreeMap::new(),
            writes: BTreeMap::new(),
            authorization: None,
        };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, shared) = (stream.expect("a connection"), Arc::clone(&shared));
                std::thread::spawn(move || serve(stream, &shared));
            }
        });
        Self { address, state }
    }

    /// Nobody: an address that a server had that has gone.
    pub(crate) fn gone(&self) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        Self { address, state: Arc::clone(&self.state) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn set(&self, mood: Mood) {
        locked(&self.state).mood = mood;
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        locked(&self.state).objects.keys().cloned().collect()
    }

    pub(crate) fn writes(&self) -> BTreeMap<String, u32> {
        locked(&self.state).writes.clone()
    }

    pub(crate) fn authorization(&self) -> Option<String> {
        locked(&self.state).authorization.clone()
    }

    /// Changes the first object below a prefix; returns its key.
    pub(crate) fn change(&self, prefix: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut state = locked(&self.state);
        let (key, bytes) =
            state.objects.iter_mut().find(|(key, _)| key.starts_with(prefix)).expect("an object");
        change(bytes);
        key.clone()
    }
}

/// Answers the requests of a connection, until one of the two hangs up.
fn serve(stream: TcpStream, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut stream = stream;
    while let Some(request) = next_request(&mut reader, state) {
        let Some(answer) = answer(&request, &mut locked(state)) else { return };
        let written = stream.write_all(&answer);
        let cuts = matches!(locked(state).mood, Mood::Cuts);
        if written.is_err() || cuts {
            return;
        }
    }
}

fn next_request(reader: &mut BufReader<TcpStream>, state: &Mutex<State>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&bytes| bytes > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut body_bytes = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => body_bytes = value.parse().expect("a length"),
            "authorization" => locked(state).authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; body_bytes];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, key: path.trim_start_matches('/').to_owned(), body })
}

/// Returns what is sent; nothing where the server hangs up.
fn answer(request: &Request, state: &mut State) -> Option<Vec<u8>> {
    let Request { method, key, body } = request;
    // A clock that is far ahead: all is young.
    let (mut written, mut cut) = (Some("Fri, 23 Nov 2096 08:00:00 GMT"), false);
    match &mut state.mood {
        Mood::ReadOnly(status) if !matches!(method.as_str(), "GET" | "HEAD") => {
            return Some(plain(*status, b""));
        }
        Mood::Sound | Mood::ReadOnly(_) => {}
        Mood::Breaks { answered } => *answered = answered.checked_sub(1)?,
        Mood::Answers(status, text) => return Some(plain(*status, text.as_bytes())),
        Mood::Cuts => cut = true,
        Mood::Stumbles => {
            state.mood = Mood::Sound;
            return Some(plain(503, b"busy"));
        }
        Mood::Written(said) => written = *said,
    }
    if method == "PUT" {
        state.objects.insert(key.clone(), body.clone());
        *state.writes.entry(key.clone()).or_default() += 1;
        return Some(plain(201, b""));
    }
    let Some(object) = state.objects.get(key) else { return Some(plain(404, b"")) };
    let mut headers = String::new();
    if let Some(written) = written {
        let _ = write!(headers, "last-modified: {written}\r\n");
    }
    let mut answer = head(200, &headers, object.len()).into_bytes();
    if method == "GET" {
        answer.extend_from_slice(&object[..if cut { object.len() / 2 } else { object.len() }]);
    }
    Some(answer)
}

fn plain(status: u16, body: &[u8]) -> Vec<u8> {
    let mut answer = head(status, "", body.len()).into_bytes();
    answer.extend_from_slice(body);
    answer
}

fn head(status: u16, headers: &str, body_bytes: usize) -> String {
    format!("HTTP/1.1 {status} x\r\n{headers}content-length: {body_bytes}\r\n\r\n")
}
