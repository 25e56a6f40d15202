//! What the command line says of a real location.

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

/// A real location. It must be named: none is ever assumed.
#[derive(Debug, Args)]
pub(crate) struct RealArgs {
    /// The location's id.
    #[arg(long, value_name = "ID")]
    pub(crate) location: LocationId,
    /// GHL's API that the location is served by.
    #[arg(long, value_enum, default_value_t = ApiArg::V2)]
    pub(crate) ghl_api: ApiArg,
    /// Another GHL, such as `ghl-sync sandbox`. Plain http only on this machine.
    #[arg(long, value_name = "URL", default_value = GHL_URL)]
    pub(crate) ghl_url: String,
    /// The location's token.
    #[arg(long, env = "GHL_TOKEN", hide = true, hide_env_values = true, default_value = "")]
    pub(crate) token: Secret,
    #[command(flatten)]
    pub(crate) quota: QuotaArgs,
}

/// `check`: whether a location can be reached, and with what.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) real: RealArgs,
}

/// `plan`: what an import would do.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The contact list (CSV, TSV, XLSX, NDJSON; `-` is standard input).
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) real: RealArgs,
    #[command(flatten)]
    pub(crate) list: ListArgs,
    /// Write the mapping to this file, instead of that of --mapping or mapping.json.
    #[arg(long, value_name = "FILE")]
    pub(crate) write_mapping: Option<PathBuf>,
    /// Do not read the location's contacts, to tell new people from known ones.
    #[arg(long)]
    pub(crate) offline: bool,
}

/// `import`: a list into a location.
#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The contact list (CSV, TSV, XLSX, NDJSON; `-` is standard input).
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) real: RealArgs,
    #[command(flatten)]
    pub(crate) list: ListArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Send without asking. What the list leaves open is still asked.
    #[arg(long)]
    pub(crate) yes: bool,
    /// Send it through this stack, whose output `ApiUrl` this is, instead of from this machine. The key for it is taken from
    /// GHL_SYNC_API_KEY.
    #[arg(
        long,
        value_name = "URL",
        env = "GHL_SYNC_API",
        hide_env_values = true,
        conflicts_with_all = ["limit", "window_ms", "daily", "verbose"]
    )]
    pub(crate) api: Option<String>,
    /// Keep what GHL shows of each contact before it is written, so that `imports ID --undo` can turn the import back for 30
    /// days. It takes one more call a contact.
    #[arg(long, requires = "api", conflicts_with = "mirror")]
    pub(crate) undoable: bool,
    #[command(flatten)]
    pub(crate) credential: CredentialArgs,
    #[command(flatten)]
    pub(crate) mirror: MirrorArgs,
}
