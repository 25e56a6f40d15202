//! Files that must not overwrite each other.

use std::path::{Path, PathBuf};

use crate::UsageError;

/// A file to write, and the option that names it.
pub(crate) type Written<'a> = (&'static str, Option<&'a Path>);

/// Refuses options under which one file would overwrite another output or the input. `--rejects` may name the list,
/// which is only replaced once it was read to the end.
pub(crate) fn keep_apart(list: Option<&Path>, written: &[Written<'_>]) -> Result<(), UsageError> {
    let mut files: Vec<(&str, PathBuf)> = Vec::new();
    for (option, file) in written {
        let Some(file) = file.and_then(real_path) else { continue };
        if *option != "--rejects" && list.and_then(real_path).is_some_and(|list| list == file) {
            return Err(UsageError(format!("{option} {} would overwrite the list: name another file", file.display())));
        }
        if let Some((other, _)) = files.iter().find(|(_, other)| *other == file) {
            return Err(UsageError(format!("{other} and {option} name one file, {}: name two", file.display())));
        }
        files.push((option, file));
    }
    Ok(())
}

/// The file's real path, even before the file exists; `None` for anything without a distinct path, like a pipe.
fn real_path(path: &Path) -> Option<PathBuf> {
    match std::fs::metadata(path) {
        Ok(found) if !found.is_file() => None,
        Ok(_) => std::fs::canonicalize(path).ok(),
        Err(_) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Some(std::fs::canonicalize(folder).ok()?.join(path.file_name()?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_written_over_the_list_or_over_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let [list, other, link] = ["list.csv", "other.csv", "link.csv"].map(|name| folder.path().join(name));
        std::fs::write(&list, "Email\n").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&list, &link).unwrap();
        let of = |written: &[Written<'_>]| keep_apart(Some(&list), written).map_err(|usage| usage.0);
        let around = folder.path().join(".").join("list.csv");
        assert!(of(&[("--results", Some(&around))]).unwrap_err().contains("--results"));
        #[cfg(unix)]
        assert!(of(&[("--json", Some(&link))]).unwrap_err().contains("would overwrite the list"));
        let both = of(&[("--rejects", Some(&other)), ("--json", Some(&other))]).unwrap_err();
        assert!(both.contains("--rejects and --json"), "{both}");
        assert_eq!(of(&[("--rejects", Some(&list)), ("--results", Some(&other)), ("--json", None)]), Ok(()));
        #[cfg(unix)]
        assert_eq!(
            of(&[("--results", Some(Path::new("/dev/null"))), ("--json", Some(Path::new("/dev/null")))]),
            Ok(())
        );
    }
}
