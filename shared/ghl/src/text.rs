//! Makes foreign text fit for a log line.

/// Longest message that is kept, in bytes.
pub(crate) const MAX_MESSAGE: usize = 1024;

/// `text` on one line, without control characters, at most [`MAX_MESSAGE`] bytes long.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(MAX_MESSAGE));
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if line.len() > MAX_MESSAGE {
            line.truncate(line.floor_char_boundary(MAX_MESSAGE));
            break;
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whitespace_and_control_characters_become_single_spaces() {
        assert_eq!(one_line(" a\n\tb\u{0}\u{1b}[31mc  "), "a b [31mc");
    }

    proptest! {
        #[test]
        fn a_line_is_short_and_has_no_control_character(text in any::<String>(), times in 1usize..200) {
            let line = one_line(&text.repeat(times));
            prop_assert!(line.len() <= MAX_MESSAGE);
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
