//! Questions that are answered with yes or no.

use std::io::{self, IsTerminal};

/// The answer; `None` if nobody can be asked.
pub(crate) fn yes(question: &str) -> io::Result<Option<bool>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    print!("{question} [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim(), "y" | "Y" | "yes")))
}
