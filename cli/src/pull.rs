//! `cargo ghl-sync pull`: the contacts that changed in GHL since a time.

use std::process::ExitCode;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::Invocation;
use ghl_sync_model::{GhlId, Holder, LongRecord};
use ghl_sync_runtime::SystemClock;

use crate::cli::{PullArgs, Since};
use crate::sandbox::SandboxOptions;
use crate::stack::Stack;
use crate::{Failure, exit, stack_options};

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
    let mut passed_over = 0;
    let pull = stack.engine.contacts_changed_since(&args.ghl.location, since, &invocation, |page| {
        page.contacts.iter().for_each(|contact| println!("{}", contact.raw));
        for LongRecord { id, updated_at } in page.too_long {
            passed_over += 1;
            let id = id.as_ref().map_or("whose id cannot be read", GhlId::as_str);
            let changed = updated_at.map(|at| format!(", changed at {at}")).unwrap_or_default();
            eprintln!("passed over: contact {id}{changed}, is longer than 1 MB");
        }
    });
    let count = pull.await?;
    eprintln!("{count} contacts changed since {since}");
    if passed_over == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{passed_over} more were passed over");
    Ok(ExitCode::from(exit::LEFT_OUT))
}
