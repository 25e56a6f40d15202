//! The user's folder with a location's outbox. It records the GHL it belongs to: otherwise, a list sent to a sandbox
//! would count as known by the real GHL and never be sent there.

use std::path::{Path, PathBuf};

use ghl_sync_model::fingerprint;

use super::RealArgs;
use super::args::GHL_URL;
use crate::{Failure, UsageError, private};

/// File in a folder of imports with the URL of their GHL.
const MARK: &str = "ghl-url";
/// File in which every command keeps its state.
const STATE: &str = "dynamodb.sqlite";

/// The folder for `args`, created if necessary.
pub(super) fn claim(args: &RealArgs) -> Result<PathBuf, Failure> {
    let dir = match &args.quota.data_dir {
        Some(dir) => dir.clone(),
        None => default_of(args)?,
    };
    let failed = |error: std::io::Error| -> Failure { format!("{}: {error}", dir.display()).into() };
    private::directory(&dir).map_err(failed)?;
    let url = args.ghl_url.trim_end_matches('/');
    match mark(&dir).map_err(failed)? {
        Some(marked) if marked == url => {}
        Some(marked) => {
            let said = format!(
                "{} holds what was sent to {marked}, not to {url}: name another folder with --data-dir",
                dir.display()
            );
            return Err(UsageError(said).into());
        }
        None if dir.join(STATE).exists() => {
            let said =
                format!("{} holds the state of another command: name another folder with --data-dir", dir.display());
            return Err(UsageError(said).into());
        }
        None => std::fs::write(dir.join(MARK), url).map_err(failed)?,
    }
    Ok(dir)
}

/// Refuses a folder of imports for other commands.
pub(crate) fn refuse(dir: Option<&Path>) -> Result<(), Failure> {
    let Some(dir) = dir else { return Ok(()) };
    match mark(dir).map_err(|error| format!("{}: {error}", dir.display()))? {
        Some(_) => {
            Err(UsageError(format!("{} is a folder of `ghl-sync import`: name another one", dir.display())).into())
        }
        None => Ok(()),
    }
}

fn mark(dir: &Path) -> std::io::Result<Option<String>> {
    match std::fs::read_to_string(dir.join(MARK)) {
        Ok(url) => Ok(Some(url.trim().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// One folder per location, with the GHL's host in its name if it is not the real one.
#[expect(clippy::disallowed_methods, reason = "where the user's data belong is no setting of ours")]
fn default_of(args: &RealArgs) -> Result<PathBuf, Failure> {
    let home = user_data_dir(|name| std::env::var_os(name).map(PathBuf::from));
    let home =
        home.ok_or_else(|| UsageError("there is no home folder to keep the state in: say --data-dir".to_owned()))?;
    let url = args.ghl_url.trim_end_matches('/');
    let name = match url.split_once("://") {
        _ if url == GHL_URL => args.location.to_string(),
        Some((_, host)) => format!("{}@{host}", args.location),
        None => format!("{}@{url}", args.location),
    };
    Ok(home.join("ghl-sync").join(plain(&name)))
}

/// A name that is safe in any file system.
fn plain(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.@".contains(c);
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if plain == name { plain } else { format!("{plain}-{}", fingerprint([name])) }
}

/// The folder for users' data.
fn user_data_dir(var: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name| var(name).filter(|path| path.is_absolute());
    if cfg!(windows) {
        return absolute("LOCALAPPDATA");
    }
    let home = || absolute("HOME");
    if cfg!(target_os = "macos") {
        return Some(home()?.join("Library/Application Support"));
    }
    absolute("XDG_DATA_HOME").or_else(|| Some(home()?.join(".local/share")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_named_after_the_location_and_another_ghl() {
        assert_eq!(plain("abc123"), "abc123");
        assert!(plain("abc@127.0.0.1:8787").starts_with("abc@127.0.0.1_8787-"));
        assert_ne!(plain("a/b"), plain("a_b"), "no two share one");
        assert_ne!(plain("a/b"), plain("a:b"));
    }

    #[test]
    fn only_an_absolute_folder_of_users_data_counts() {
        let of = |data: Option<&str>, home: Option<&str>| {
            let (data, home) = (data.map(PathBuf::from), home.map(PathBuf::from));
            user_data_dir(move |name| if name == "HOME" { home.clone() } else { data.clone() })
        };
        assert_eq!(of(None, None), None);
        if cfg!(target_os = "linux") {
            assert_eq!(of(Some("/data"), Some("/home/ann")), Some(PathBuf::from("/data")));
            assert_eq!(of(Some("data"), Some("/home/ann")), Some(PathBuf::from("/home/ann/.local/share")));
        }
    }
}
