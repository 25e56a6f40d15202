//! Checks the promises that the documentation makes about itself.

use std::path::{Path, PathBuf};

/// The Markdown files in `folder`.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

#[test]
fn every_page_with_an_example_in_rust_is_compiled_with_the_doctests() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let compiled = std::fs::read_to_string(root.join("shared/runtime/src/lib.rs")).unwrap();
    let folders = [root.to_owned(), root.join("docs"), root.join("docs/decisions")];
    let mut with_rust = 0;
    for page in folders.iter().flat_map(|folder| pages(folder)) {
        let text = std::fs::read_to_string(&page).unwrap();
        if text.lines().any(|line| line.trim_start().starts_with("```rust")) {
            let name = page.strip_prefix(root).unwrap().to_str().unwrap();
            let include = format!("#[doc = include_str!(\"../../../{name}\")]");
            assert!(compiled.contains(&include), "{name} has Rust that nobody compiles: add {include} beside API.md");
            with_rust += 1;
        }
    }
    assert!(with_rust > 0, "docs/API.md has an example");
}
