//! Ctrl-C and SIGTERM.

use std::io::{self, Write};
use std::time::Duration;

use ghl_sync_engine::usecase::Shutdown;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// On the first signal, requests `shutdown`, and announces that it may take up to `patience`, if given. On the second,
/// ends the process at once.
pub(crate) fn end(shutdown: &Shutdown, patience: Option<Duration>) -> io::Result<()> {
    let mut signals = Signals::listen()?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        signals.next().await;
        shutdown.ask();
        if let Some(patience) = patience {
            let patience = patience.as_secs();
            // The reader may be gone.
            let _ = writeln!(
                io::stdout(),
                "\nno call begins any more; waits for those under way, {patience} s at most (a second signal ends it at once)"
            );
        }
        let status = signals.next().await;
        std::process::exit(status);
    });
    Ok(())
}

#[cfg(unix)]
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Signals> {
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(Signals { interrupt, terminate })
    }

    /// Waits for the next signal. Returns the exit status by which a shell reports a process ended by it.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Signals> {
        Ok(Signals)
    }

    async fn next(&mut self) -> i32 {
        // Without a listener, there is no orderly shutdown.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        130
    }
}
