//! Comparison of names: of columns, fields, countries.

/// A name reduced to its letters and digits, in lower case.
pub(crate) fn key(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

/// A name without text in brackets: `Phone Number (mobile)`, `Email [required]`.
pub(crate) fn without_brackets(name: &str) -> String {
    let mut depth = 0_usize;
    let mut outside = String::new();
    for sign in name.chars() {
        match sign {
            '(' | '[' | '{' | '<' => depth += 1,
            ')' | ']' | '}' | '>' => depth = depth.saturating_sub(1),
            sign if depth == 0 => outside.push(sign),
            _ => {}
        }
    }
    outside
}

/// Whether two names are equal, ignoring case, blanks and punctuation. Names without letters or digits must match
/// exactly.
pub(crate) fn is_same(a: &str, b: &str) -> bool {
    a.trim() == b.trim() || (!key(a).is_empty() && key(a) == key(b))
}
