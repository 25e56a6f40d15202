//! Measures the start of the functions: their release binaries, if built, under a Runtime API like Lambda's.

use std::future::pending;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::Notify;

use crate::Failure;
use crate::stack::LOOPBACK;

const FUNCTIONS: [&str; 5] = ["api", "consumer", "redrive", "scheduler", "webhook"];
/// A function that has not asked for an event by then never will.
const PATIENCE: Duration = Duration::from_secs(30);
/// The minimal environment that Lambda and the template give a function.
const ENVIRONMENT: [(&str, &str); 16] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_ACCESS_KEY_ID", "key"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("RECORDS_TABLE", "records"),
    ("STATE_TABLE", "state"),
    ("BATCH_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/batches"),
    ("DEAD_LETTER_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/dead-letters"),
    ("PARKING_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/000000000000/parked"),
    ("API_AUTH", "iam"),
    ("GHL_TOKEN", "token"),
    ("LOG_LEVEL", "off"),
    ("AWS_LAMBDA_FUNCTION_NAME", "function"),
    ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
    ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
    ("AWS_LAMBDA_LOG_GROUP_NAME", ""),
    ("AWS_LAMBDA_LOG_STREAM_NAME", ""),
];

/// Start of one function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct StartRow {
    pub(crate) function: String,
    /// Median time from the start of the process to its request for an event.
    pub(crate) start_ms: f64,
    /// Resident memory at that moment.
    pub(crate) resident_bytes: u64,
    pub(crate) binary_bytes: u64,
}

/// Starts each function `times` times. Skips those that are not built beside this program.
pub(crate) async fn measure(times: u32) -> Result<Vec<StartRow>, Failure> {
    let this = std::env::current_exe()?;
    let mut rows = Vec::new();
    for function in FUNCTIONS {
        let binary = this.with_file_name(function);
        if binary.is_file() {
            rows.push(row(function, &binary, times).await?);
        }
    }
    Ok(rows)
}

async fn row(function: &str, binary: &Path, times: u32) -> Result<StartRow, Failure> {
    let mut starts = Vec::new();
    for _ in 0..times {
        starts.push(start(binary).await?);
    }
    starts.sort_unstable();
    let (took, resident_bytes) = starts[starts.len() / 2];
    let binary_bytes = std::fs::metadata(binary)?.len();
    Ok(StartRow { function: function.to_owned(), start_ms: took.as_secs_f64() * 1e3, resident_bytes, binary_bytes })
}

/// Starts a function once. Returns the time taken and the process's memory.
async fn start(binary: &Path) -> Result<(Duration, u64), Failure> {
    let asked = Arc::new(Notify::new());
    let heard = asked.clone();
    let next = move || {
        heard.notify_one();
        pending::<String>()
    };
    let listener = TcpListener::bind((LOOPBACK, 0)).await?;
    let api = listener.local_addr()?.to_string();
    let serving = tokio::spawn(async move {
        axum::serve(listener, Router::new().route("/2018-06-01/runtime/invocation/next", get(next))).await
    });
    let mut command = Command::new(binary);
    command.env_clear().envs(ENVIRONMENT).env("AWS_LAMBDA_RUNTIME_API", api).stdout(Stdio::null()).kill_on_drop(true);
    let began = Instant::now();
    let process = command.spawn()?;
    let asked = tokio::time::timeout(PATIENCE, asked.notified()).await;
    let took = began.elapsed();
    serving.abort();
    asked.map_err(|_| format!("{} does not start", binary.display()))?;
    let status = PathBuf::from("/proc").join(process.id().unwrap_or_default().to_string()).join("status");
    Ok((took, resident(&std::fs::read_to_string(status).unwrap_or_default())))
}

/// The resident memory in bytes from `/proc/PID/status`; 0 if there is no such file.
fn resident(status: &str) -> u64 {
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    kilobytes.map_or(0, |kilobytes: u64| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resident_memory_is_read_in_bytes() {
        assert_eq!(resident("VmPeak:\t  200 kB\nVmRSS:\t   10 kB\n"), 10_240);
        assert_eq!(resident(""), 0);
    }
}
