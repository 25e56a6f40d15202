//! Command-line arguments for a real location.

use std::path::PathBuf;

use clap::Args;
use ghl_sync_model::{LocationId, Secret};

use crate::args::{ApiArg, MirrorArgs, QuotaArgs};
use crate::credential::CredentialArgs;
use crate::list::{ListArgs, OutputArgs};

/// GHL's own API.
pub(super) const GHL_URL: &str = "https://services.leadconnectorhq.com";
/// GHL's legacy API.
pub(super) const GHL_V1_URL: &str = "https://rest.gohighlevel.com/v1";

/// A real location. It must be named, because no default is ever assumed.
#[derive(Debug, Args)]
pub(crate) struct RealArgs {
    /// The location's id.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
    /// GHL API version to use for the location.
    #[arg(long, value_enum, default_value_t = ApiArg::V2)]
    pub(crate) ghl_api: ApiArg,
    /// Use another GHL, such as `ghl-sync sandbox`. Plain http only on this machine.
    #[arg(long, value_name = "URL", default_value = GHL_URL)]
    pub(crate) ghl_url: String,
    /// The location's token.
    #[arg(long, env = "GHL_TOKEN", hide = true, hide_env_values = true, default_value = "")]
    pub(crate) token: Secret,
    #[command(flatten)]
    pub(crate) quota: QuotaArgs,
}

/// Arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) real: RealArgs,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Contact list (CSV, TSV, XLSX, NDJSON; `-` is standard input).
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) real: RealArgs,
    #[command(flatten)]
    pub(crate) list: ListArgs,
    /// Write the mapping to this file instead of the one in --mapping or mapping.json.
    #[arg(long, value_name = "FILE")]
    pub(crate) write_mapping: Option<PathBuf>,
    /// Skip reading the location's contacts, which tells new people from known ones.
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Arguments of `import`.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// Contact list (CSV, TSV, XLSX, NDJSON; `-` is standard input).
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) real: RealArgs,
    #[command(flatten)]
    pub(crate) list: ListArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Send without asking. Questions that the list leaves open are still asked.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Send through the stack at this URL, its output `ApiUrl`, instead of from this machine. Its key comes from
    /// GHL_SYNC_API_KEY.
    #[arg(
        long,
        value_name = "URL",
        env = "GHL_SYNC_API",
        hide_env_values = true,
        conflicts_with_all = ["limit", "window_ms", "daily", "verbose"]
    )]
    pub(crate) api: Option<String>,
    /// Keep each contact as GHL shows it before it is written, so that `imports ID --undo` can revert the import for
    /// 30 days. It takes one more call per contact.
    #[arg(long, requires = "api", conflicts_with = "mirror")]
    pub(crate) undoable: bool,
    #[command(flatten)]
    pub(crate) credential: CredentialArgs,
    #[command(flatten)]
    pub(crate) mirror: MirrorArgs,
}
