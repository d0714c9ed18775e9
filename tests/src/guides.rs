//! The guides whose code must compile and run; each is a doctest of this package.

/// `docs/engine-authors.md`.
#[doc = include_str!("../../docs/engine-authors.md")]
#[expect(dead_code, reason = "carries the guide's doctests and nothing else")]
struct EngineAuthors;

/// `docs/query.md`.
#[doc = include_str!("../../docs/query.md")]
#[expect(dead_code, reason = "carries the guide's doctests and nothing else")]
struct Queries;

/// `docs/tutorial.md`.
#[doc = include_str!("../../docs/tutorial.md")]
#[expect(dead_code, reason = "carries the guide's doctests and nothing else")]
struct Tutorial;

/// `README.md`.
#[doc = include_str!("../../README.md")]
#[expect(dead_code, reason = "carries the page's doctests and nothing else")]
struct Readme;
