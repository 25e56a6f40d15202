//! The X-Ray trace of the current invocation, for the messages that it sends.

use tokio::task_local;

task_local! {
    static TRACE_ID: Option<String>;
}

/// Runs `invocation` as part of the trace `trace_id`.
pub(crate) async fn of<T>(trace_id: Option<String>, invocation: impl Future<Output = T>) -> T {
    TRACE_ID.scope(trace_id, invocation).await
}

/// The trace header of the current invocation, if it is traced.
pub(crate) fn current() -> Option<String> {
    TRACE_ID.try_with(Clone::clone).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_invocation_sees_its_own_trace_and_nobody_elses() {
        let inner = of(Some("Root=1-a".to_owned()), async { current() });
        assert_eq!(inner.await.as_deref(), Some("Root=1-a"));
        assert_eq!(current(), None);
    }
}
