//! Writes `mapping.json` for `plan`.

use std::path::{Path, PathBuf};

use ghl_sync_import::Mapping;

use super::args::PlanArgs;
use crate::{Failure, UsageError};

/// Default file name.
const NAME: &str = "mapping.json";

/// Writes the mapping and returns its path. A file with different content that the plan did not start from is left
/// unchanged.
pub(super) fn write(args: &PlanArgs, mapping: &Mapping) -> Result<PathBuf, Failure> {
    let begun_with = args.list.mapping.as_deref();
    let named = args.write_mapping.as_deref().or(begun_with);
    let file = named.map_or_else(|| PathBuf::from(NAME), Path::to_owned);
    let failed = |error: std::io::Error| -> Failure { format!("{}: {error}", file.display()).into() };
    let json = serde_json::to_string_pretty(mapping)? + "\n";
    if begun_with != Some(file.as_path()) && file.exists() {
        let there = std::fs::read(&file).map_err(failed)?;
        if Mapping::from_json(&there).ok().as_ref() == Some(mapping) {
            return Ok(file);
        }
        let name = file.display();
        let said = format!(
            "{name} is there and says something else: begin with it (--mapping {name}), or name another file with --write-mapping"
        );
        return Err(UsageError(said).into());
    }
    std::fs::write(&file, json).map_err(failed)?;
    Ok(file)
}
