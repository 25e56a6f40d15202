//! `cargo ghl-sync pull`: the contacts that changed in GHL since a time.

use std::process::ExitCode;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::Invocation;
use ghl_sync_model::Holder;
use ghl_sync_runtime::SystemClock;

use crate::cli::{PullArgs, Since};
use crate::sandbox::SandboxOptions;
use crate::stack::Stack;
use crate::{Failure, stack_options};

/// Nobody stops this command but its user.
const TIME: Duration = Duration::from_secs(24 * 3600);

pub(crate) async fn run(args: PullArgs) -> Result<ExitCode, Failure> {
    let stack = Stack::start(stack_options(&args.ghl, SandboxOptions::default())?).await?;
    let now = SystemClock.now();
    let since = match args.since {
        Since::At(time) => time,
        Since::Ago(span) => now - span,
    };
    let holder = Holder::new(format!("pull/{:016x}", fastrand::u64(..)))?;
    let invocation = Invocation { holder, deadline: now + TIME };
    let pull = stack.engine.contacts_changed_since(&args.ghl.location, since, &invocation, |page| {
        page.iter().for_each(|contact| println!("{}", contact.raw));
    });
    let count = pull.await?;
    eprintln!("{count} contacts changed since {since}");
    Ok(ExitCode::SUCCESS)
}
