//! Versions to and from object stores: S3, Google Cloud Storage, Azure, web servers.
//!
//! `ObjectStoreRemote` is a remote of `barrow-store` over the crate `object_store`, which signs, repeats and pages requests. What lies
//! there, and when a version can be seen, is the business of `barrow-store`, as with a directory.
//!
//! Everything stands behind the feature `object-store`, which the default build does not need.

#![forbid(unsafe_code)]

#[cfg(feature = "object-store")]
mod answer;
#[cfg(feature = "object-store")]
mod error;
#[cfg(feature = "object-store")]
mod place;
#[cfg(feature = "object-store")]
mod web;

#[cfg(feature = "object-store")]
pub use crate::{
    error::{Error, Result},
    place::ObjectStoreRemote,
};
#[cfg(feature = "object-store")]
pub use object_store;
