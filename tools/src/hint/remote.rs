//! Hints for what remotes have, lack and answer.

use std::io;

use barrow_store::RemoteError;

/// What to do about what a remote has, or has not.
pub(super) fn hint(problem: &RemoteError) -> String {
    match problem {
        RemoteError::UnknownBundle { name, remote } => {
            format!("`barrow push {name} {remote}` publishes it, where the bundle is")
        }
        RemoteError::UnknownVersion { name, remote, .. } => format!(
            "`barrow fetch {name} {remote}` brings its newest version; `barrow push {name}@VERSION` \
             publishes an older one, where it is"
        ),
        RemoteError::Moment { .. } => {
            "`barrow history NAME`, where the bundle is published, lists versions and moments"
                .to_owned()
        }
        RemoteError::AgeLimit { .. } => "leave `--older-than` away, or say `2d` or more".to_owned(),
        RemoteError::Io { source, .. } => match source.kind() {
            io::ErrorKind::Unsupported => {
                "directories and buckets are pushed to and pruned; `barrow fetch` takes NAME, or NAME@VERSION with all \
                 64 digits, from a server that lists nothing"
            }
            io::ErrorKind::PermissionDenied => {
                "a directory needs the right to read or write there; a URL takes its credentials from the environment, \
                 AWS_ACCESS_KEY_ID and others: see docs/remote.md"
            }
            io::ErrorKind::NotFound => "a bucket has to be there before the first push to it",
            _ => "run the command again when the place can be reached: what was moved is not moved again",
        }
        .to_owned(),
        _ => "`barrow push NAME REMOTE --check`, where the version is sound, sends again what is damaged"
            .to_owned(),
    }
}
