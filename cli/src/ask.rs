//! Yes-or-no questions.

use std::io::{self, IsTerminal};

use crate::{Failure, UsageError};

/// Whether to send `people` people to `whom`. An error if nobody can be asked.
pub(crate) fn whether_to_send(people: u64, whom: &str) -> Result<bool, Failure> {
    let answer = yes(&format!("Send {people} people to {whom}?"))?;
    if answer == Some(false) {
        println!("nothing was sent");
    }
    answer.ok_or_else(|| UsageError("nobody can be asked here: --yes sends without a question".to_owned()).into())
}

/// The answer, or `None` if nobody can be asked.
pub(crate) fn yes(question: &str) -> io::Result<Option<bool>> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    print!("{question} [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(Some(matches!(answer.trim(), "y" | "Y" | "yes")))
}
