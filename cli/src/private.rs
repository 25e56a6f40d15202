//! Directories and files with private data (contacts and tokens), readable only by their owner.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// Creates the data directory, private from the start. An existing directory is made private if it is ours or empty;
/// for any other, the user is warned, as it may be shared on purpose.
pub(crate) fn directory(dir: &Path) -> io::Result<()> {
    let is_new = !dir.exists();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)?;
    if !is_new { tighten(dir) } else { Ok(()) }
}

#[cfg(unix)]
fn tighten(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut permissions = std::fs::metadata(dir)?.permissions();
    let mode = permissions.mode() & 0o7777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    let is_ours = dir.join(LOCK).exists() || std::fs::read_dir(dir)?.next().is_none();
    if is_ours {
        permissions.set_mode(0o700);
        return std::fs::set_permissions(dir, permissions);
    }
    let dir = dir.display();
    eprintln!("warning: others may look into {dir} (its mode is {mode:o}); make it private with: chmod 700 {dir}");
    Ok(())
}

#[cfg(not(unix))]
fn tighten(_: &Path) -> io::Result<()> {
    Ok(())
}

/// File that marks a directory as ours.
pub(crate) const LOCK: &str = "lock";

/// Opens a file with `options`. A new file is private from the start; an existing one is made private.
pub(crate) fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    let file = options.open(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn place(name: &str) -> PathBuf {
        let place = std::env::temp_dir().join(format!("ghl-sync-private-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&place);
        place
    }

    #[test]
    fn what_is_made_here_is_private_and_what_was_looser_and_ours_is_made_so() {
        let dir = place("ours");
        directory(&dir.join("deep")).unwrap();
        assert_eq!((mode(&dir), mode(&dir.join("deep"))), (0o700, 0o700));
        set(&dir, 0o755);
        let file = dir.join(LOCK);
        open(&file, OpenOptions::new().write(true).create(true)).unwrap();
        assert_eq!(mode(&file), 0o600);
        set(&file, 0o644);
        open(&file, OpenOptions::new().write(true).create(true)).unwrap();
        directory(&dir).unwrap();
        assert_eq!((mode(&dir), mode(&file)), (0o700, 0o600));

        let empty = place("empty");
        std::fs::create_dir(&empty).unwrap();
        set(&empty, 0o755);
        directory(&empty).unwrap();
        assert_eq!(mode(&empty), 0o700);

        let others = place("others");
        std::fs::create_dir(&others).unwrap();
        std::fs::write(others.join("theirs"), "").unwrap();
        set(&others, 0o755);
        directory(&others).unwrap();
        assert_eq!(mode(&others), 0o755, "it may be shared on purpose");
        for dir in [dir, empty, others] {
            std::fs::remove_dir_all(dir).unwrap();
        }
    }
}
