//! The reply to a call.

use super::{Answer, Failure, Quota};

/// The complete reply to one call.
#[derive(Debug)]
pub struct Reply {
    /// The answer, or why there is none.
    pub answer: Result<Answer, Failure>,
    /// HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The quota, according to the response headers.
    pub quota: Quota,
}
