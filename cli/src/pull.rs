//! `cargo ghl-sync pull`: prints the contacts that changed in GHL since a time.

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{Invocation, Shutdown};
use ghl_sync_model::{ContactPage, EpochMs, GhlId, Holder, UnreadRecord};
use ghl_sync_runtime::SystemClock;

use crate::cli::{PullArgs, Since};
use crate::sandbox::SandboxOptions;
use crate::stack::Stack;
use crate::{Failure, exit, signals, stack_options};

/// Deadline that is never reached in practice: only the user stops this command.
const TIME: Duration = Duration::from_secs(24 * 3600);

pub(crate) async fn run(args: PullArgs) -> Result<ExitCode, Failure> {
    let stack = Stack::start(stack_options(&args.ghl, SandboxOptions::default()).await?).await?;
    let shutdown = stack.engine.shutdown().clone();
    // Messages go to standard error, because standard output is for contacts.
    signals::end(&shutdown, None)?;
    let now = SystemClock.now();
    let since = match args.since {
        Since::At(time) => time,
        Since::Ago(span) => now - span,
    };
    let holder = Holder::new(format!("pull/{:016x}", fastrand::u64(..)))?;
    let invocation = Invocation { holder, deadline: now + TIME };
    let mut printer = Printer { shutdown: shutdown.clone(), since, printed: 0, passed_over: 0, failed: None };
    let reconciler = stack.reconciler();
    let pull =
        reconciler.contacts_changed_since(&args.ghl.location, since, &invocation, |page| printer.print_page(page));
    let pulled = pull.await;
    let Printer { since: until, printed, passed_over, failed, .. } = printer;
    let ended = match (failed, pulled) {
        (Some(error), _) if error.kind() == io::ErrorKind::BrokenPipe => {
            Err("the reader of the contacts is gone".into())
        }
        (Some(error), _) => Err(Failure::from(format!("the contacts cannot be written: {error}"))),
        (None, Err(_)) if shutdown.is_asked() => Err("interrupted".into()),
        (None, pulled) => pulled.map_err(Failure::from),
    };
    if let Err(failure) = ended {
        eprintln!("not all: {printed} contacts were printed, all of them whole lines");
        if passed_over > 0 {
            eprintln!("{passed_over} were passed over");
        }
        eprintln!("go on with --since {}", shown(until));
        return Err(failure);
    }
    eprintln!("{printed} contacts changed since {}", shown(since));
    if passed_over == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("{passed_over} more were passed over");
    Ok(ExitCode::from(exit::LEFT_OUT))
}

/// Prints contacts until writing fails.
struct Printer {
    shutdown: Shutdown,
    /// Every contact changed before this time has been printed or named.
    since: EpochMs,
    printed: u64,
    passed_over: u64,
    failed: Option<io::Error>,
}

impl Printer {
    fn print_page(&mut self, page: ContactPage) {
        let mut out = io::stdout().lock();
        for contact in page.contacts {
            // Finishes the current line even if a shutdown was requested in the meantime.
            if let Err(error) = writeln!(out, "{}", contact.raw).and_then(|()| out.flush()) {
                self.failed.get_or_insert(error);
                self.shutdown.ask();
                return;
            }
            self.printed += 1;
            self.since = contact.updated_at.map_or(self.since, |at| at.max(self.since));
        }
        drop(out);
        for UnreadRecord { id, updated_at, why } in page.unread {
            self.passed_over += 1;
            let id = id.as_ref().map_or("whose id cannot be read", GhlId::as_str);
            let changed = updated_at.map(|at| format!(", changed at {}", shown(at))).unwrap_or_default();
            eprintln!("passed over: contact {id}{changed}, {why}");
            self.since = updated_at.map_or(self.since, |at| at.max(self.since));
        }
    }
}

/// Formats a time as `--since` takes it.
fn shown(time: EpochMs) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(time.0)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_millis(time).to_string()
}
