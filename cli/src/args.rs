//! Arguments shared by several commands.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ghl_sync_model::{Api, MirrorName};

/// GHL's quota, and the directory for the state.
#[derive(Debug, Args)]
pub(crate) struct QuotaArgs {
    /// Calls that GHL allows per window.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
    /// Length of the window.
    #[arg(long, value_name = "MS", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(100..=3_600_000))]
    pub(crate) window_ms: u64,
    /// Calls that GHL allows per day.
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) daily: u64,
    /// Keep the state in this directory; a later run continues from it.
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ApiArg {
    V1,
    V2,
}

impl From<ApiArg> for Api {
    fn from(arg: ApiArg) -> Api {
        match arg {
            ApiArg::V1 => Api::V1,
            ApiArg::V2 => Api::V2,
        }
    }
}

/// Options for a complete list: whoever is missing from it is gone.
#[derive(Debug, Default, Args)]
pub(crate) struct MirrorArgs {
    /// The list is complete, and every run under this name sends all of it. --on-missing decides what happens to
    /// people who are no longer in it.
    #[arg(long, value_name = "NAME", requires = "api")]
    pub(crate) mirror: Option<MirrorName>,
    /// What to do with contacts that were in the previous list but are not in this one: keep, tag:NAME, untag:NAME,
    /// or delete (in GHL).
    #[arg(long, value_name = "WHAT", requires = "mirror", default_value = "keep", value_parser = on_missing)]
    pub(crate) on_missing: String,
    /// Treat nobody as missing if more than this share is missing, because the list is then probably broken.
    #[arg(long, value_name = "PERCENT", requires = "mirror", default_value = "5%", value_parser = share)]
    pub(crate) max_missing: f64,
}

fn on_missing(text: &str) -> Result<String, String> {
    let is_known = matches!(text, "keep" | "delete")
        || matches!(text.split_once(':'), Some(("tag" | "untag", tag)) if !tag.trim().is_empty());
    if is_known { Ok(text.to_owned()) } else { Err("expected keep, tag:NAME, untag:NAME or delete".to_owned()) }
}

/// Parses a share such as `5%`.
fn share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').unwrap_or(text).trim().parse::<f64>().ok();
    let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
    percent.map(|percent| percent / 100.0).ok_or_else(|| "expected a percentage from 0% to 100%".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_missing_ones_and_how_many_may_be_is_read_strictly() {
        for good in ["keep", "delete", "tag:left us", "untag:member"] {
            assert_eq!(on_missing(good).as_deref(), Ok(good));
        }
        for bad in ["", "tag:", "tag: ", "drop", "untag:", "retag:x", "Delete"] {
            assert!(on_missing(bad).is_err(), "{bad}");
        }
        assert_eq!((share("5%"), share("0"), share("100 %")), (Ok(0.05), Ok(0.0), Ok(1.0)));
        for bad in ["", "%", "101%", "-1", "five", "NaN"] {
            assert!(share(bad).is_err(), "{bad}");
        }
    }
}
