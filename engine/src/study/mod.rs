//! Studies: searches whose trials are journaled as they end.

pub(crate) mod record;

use std::collections::BTreeMap;

use barrow_store::{Journal, Presence, Records};

use crate::Error;
use crate::search::Ask;
use crate::sweep::Ended;
use record::Record;

/// A study: what was asked for and how it ended, kept in a journal.
///
/// Its state is the fold of the journal, so a study that was killed at any instant goes on where it
/// was: no trial that ended is run again, and the trials are those of a study that was not
/// interrupted. Several processes may work on one study: each claims the trials it runs, and those
/// of a process that died are claimed again by another.
#[derive(Debug)]
pub struct Study {
    journal: Journal,
    presence: Presence,
    state: State,
    /// What it is of beside what a search knows of itself.
    facts: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct State {
    identity: Option<Identity>,
    /// In ascending order of their ids.
    asks: Vec<Ask>,
    /// One for each ask.
    ends: Vec<Option<Ended>>,
    /// The worker that runs an ask which has not ended.
    claims: BTreeMap<u64, u64>,
}

/// What makes two runs the same study: all that decides on the outcome of a trial and on which
/// trials are asked for, but their number.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Names and values, in the order of their listing.
    pub facts: Vec<(String, String)>,
}

impl Identity {
    /// Returns a fact.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn to_text(&self) -> String {
        let line = |(name, value): &(String, String)| {
            format!("{name}={}", value.replace('\\', "\\\\").replace('\n', "\\n"))
        };
        self.facts.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    fn of_text(text: &str) -> Identity {
        let fact = |line: &str| {
            let (name, value) = line.split_once('=')?;
            Some((name.to_owned(), unescaped(value)))
        };
        Identity { facts: text.lines().filter_map(fact).collect() }
    }

    /// The first fact that differs: its name, the value here and the value there.
    fn difference(&self, other: &Identity) -> Option<(String, String, String)> {
        let names = self.facts.iter().chain(&other.facts).map(|(name, _)| name);
        let differing = names.into_iter().find(|name| self.get(name) != other.get(name))?;
        let value = |of: &Identity| of.get(differing).unwrap_or("nothing").to_owned();
        Some((differing.clone(), value(self), value(other)))
    }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.next() == Some('n') => plain.push('\n'),
            letter => plain.push(letter),
        }
    }
    plain
}

impl Study {
    /// Reads a journal.
    ///
    /// # Errors
    /// Those of the store; [`Error::BadStudy`] when a record is none that this library writes.
    pub fn open(mut journal: Journal) -> Result<Study, Error> {
        let mut state = State::default();
        journal.read(|bytes| state.apply(bytes))?;
        let presence = Presence::announce(journal.path())?;
        // A number may be used again after its process died: no claim is ours yet.
        state.claims.retain(|_, worker| *worker != presence.number());
        Ok(Study { journal, presence, state, facts: Vec::new() })
    }

    /// Makes the study one of a further fact, which a search cannot know of itself: of the code of a
    /// strategy, say. Call it before the search is run.
    #[must_use]
    pub fn of(mut self, name: &str, value: &str) -> Study {
        self.facts.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns what the study is of; `None` for a new one.
    pub fn identity(&self) -> Option<&Identity> {
        self.state.identity.as_ref()
    }

    /// Returns what was asked for, in ascending order of ids, and how each ended; `None` for those
    /// that have not.
    pub fn trials(&self) -> impl ExactSizeIterator<Item = (&Ask, Option<&Ended>)> {
        self.state.asks.iter().zip(self.state.ends.iter().map(Option::as_ref))
    }

    /// Makes a new study one of `identity`, or checks that an old one is.
    ///
    /// # Errors
    /// [`Error::OtherStudy`] with what differs; those of the store.
    pub fn begin(&mut self, identity: &Identity) -> Result<(), Error> {
        let Study { journal, state, facts, .. } = self;
        let facts = identity.facts.iter().chain(facts.iter()).cloned().collect();
        let identity = &Identity { facts };
        let state = std::cell::RefCell::new(state);
        journal.update(
            |bytes| state.borrow_mut().apply(bytes),
            |records| {
                if state.borrow().identity.is_none() {
                    records.add(|to| record::put_identity(to, &identity.to_text()));
                    state.borrow_mut().identity = Some(identity.clone());
                }
            },
        )?;
        let known = self.state.identity.clone().unwrap_or_default();
        match known.difference(identity) {
            None => Ok(()),
            Some((name, found, expected)) => Err(Error::OtherStudy { name, found, expected }),
        }
    }

    /// Returns the recorded asks from the `first` on.
    pub(crate) fn asks_from(&self, first: usize) -> &[Ask] {
        self.state.asks.get(first..).unwrap_or(&[])
    }

    /// Returns how a trial ended.
    pub(crate) fn end(&self, id: u64) -> Option<&Ended> {
        self.state.place(id).ok().and_then(|at| self.state.ends[at].as_ref())
    }

    /// Records asks, unless another process did.
    pub(crate) fn admit(&mut self, asks: &[Ask]) -> Result<(), Error> {
        self.update(|state, records| {
            for ask in asks {
                if state.place(ask.id).is_err() {
                    records.add(|to| record::put_ask(to, ask));
                    state.admit(ask.clone());
                }
            }
        })
    }

    /// Claims up to `count` of the asks that have neither ended nor been claimed by a process that
    /// lives, and returns their places.
    pub(crate) fn claim(&mut self, asks: &[Ask], count: usize) -> Result<Vec<usize>, Error> {
        let (path, worker) = (self.journal.path().to_owned(), self.presence.number());
        let mut alive = BTreeMap::new();
        self.update(|state, records| {
            let mut is_free = |id: u64| match state.claims.get(&id) {
                Some(other) if *other != worker => {
                    !*alive.entry(*other).or_insert_with(|| Presence::is_alive(&path, *other))
                }
                _ => true,
            };
            let free = asks.iter().enumerate().filter(|(_, ask)| {
                let ended = state.place(ask.id).is_ok_and(|at| state.ends[at].is_some());
                !ended && is_free(ask.id)
            });
            let places: Vec<usize> = free.map(|(place, _)| place).take(count).collect();
            let ids: Vec<u64> = places.iter().map(|place| asks[*place].id).collect();
            if !ids.is_empty() {
                records.add(|to| record::put_claim(to, worker, &ids));
                state.claims.extend(ids.iter().map(|id| (*id, worker)));
            }
            places
        })
    }

    /// Records how trials ended. The first end of a trial counts.
    pub(crate) fn record(&mut self, ends: &[(u64, Ended)]) -> Result<(), Error> {
        self.update(|state, records| {
            for (id, end) in ends {
                if state.place(*id).is_ok_and(|at| state.ends[at].is_none()) {
                    records.add(|to| record::put_end(to, *id, end));
                    state.end(*id, end.clone());
                }
            }
        })
    }

    /// Flushes the journal to the disk itself.
    ///
    /// # Errors
    /// Those of the store.
    pub fn sync(&mut self) -> Result<(), Error> {
        Ok(self.journal.sync()?)
    }

    fn update<T>(
        &mut self,
        write: impl FnOnce(&mut State, &mut Records<'_>) -> T,
    ) -> Result<T, Error> {
        let Study { journal, state, .. } = self;
        let state = std::cell::RefCell::new(state);
        journal.update(
            |bytes| state.borrow_mut().apply(bytes),
            |records| write(&mut state.borrow_mut(), records),
        )
    }
}

impl State {
    fn apply(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match record::read(bytes) {
            Some(Record::Identity(text)) => self.identity = Some(Identity::of_text(&text)),
            Some(Record::Ask(ask)) => self.admit(ask),
            Some(Record::End(id, end)) => self.end(id, end),
            Some(Record::Claim { worker, ids }) => {
                self.claims.extend(ids.into_iter().map(|id| (id, worker)));
            }
            None => return Err(Error::BadStudy { tag: bytes.first().copied() }),
        }
        Ok(())
    }

    fn admit(&mut self, ask: Ask) {
        match self.asks.binary_search_by_key(&ask.id, |ask| ask.id) {
            Ok(_) => {}
            Err(at) => {
                self.asks.insert(at, ask);
                self.ends.insert(at, None);
            }
        }
    }

    fn end(&mut self, id: u64, end: Ended) {
        self.claims.remove(&id);
        if let Ok(at) = self.place(id)
            && self.ends[at].is_none()
        {
            self.ends[at] = Some(end);
        }
    }

    /// The place of an ask; usually ids have no gaps before it.
    fn place(&self, id: u64) -> Result<usize, usize> {
        let guess = usize::try_from(id)
            .ok()
            .filter(|at| self.asks.get(*at).is_some_and(|ask| ask.id == id));
        match guess {
            Some(at) => Ok(at),
            None => self.asks.binary_search_by_key(&id, |ask| ask.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_survive_their_text_whatever_is_in_them() {
        let fact = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let identity = Identity {
            facts: vec![fact("strategy", "sma-cross"), fact("space", "a=1,2\nb=\\n\\x")],
        };
        assert_eq!(Identity::of_text(&identity.to_text()), identity);
        let mut other = identity.clone();
        assert_eq!(identity.difference(&other), None);
        other.facts.push(fact("seed", "1"));
        let difference = identity.difference(&other).unwrap();
        assert_eq!(difference, ("seed".into(), "nothing".into(), "1".into()));
    }
    #[test]
    fn a_study_is_of_further_facts_too() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.study");
        let open = |code: Option<&str>| {
            let study = Study::open(Journal::open(&path).unwrap()).unwrap();
            match code {
                Some(code) => study.of("strategy code", code),
                None => study,
            }
        };
        let identity = Identity { facts: vec![("strategy".into(), "mine".into())] };
        open(Some("1a")).begin(&identity).unwrap();
        open(Some("1a")).begin(&identity).unwrap();
        for other in [Some("2b"), None] {
            let refused = open(other).begin(&identity).unwrap_err().to_string();
            assert!(refused.contains("`strategy code` 1a"), "{refused}");
        }
    }
}
