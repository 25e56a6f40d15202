//! JSON that every queue accepts.

use std::fmt::Write;

use serde::Serialize;

/// `value` as JSON of ASCII characters only; all other characters are escaped, as JSON allows.
///
/// SQS rejects a whole message for one character that it does not accept (U+FFFE, U+FFFF), and other queues reject
/// some more. `value` must consist of strings, numbers, lists and maps with string keys: these cannot fail to
/// serialize.
pub(super) fn to_ascii_json(value: &impl Serialize) -> String {
    let json = serde_json::to_string(value).unwrap_or_default();
    if json.is_ascii() {
        return json;
    }
    let mut ascii = String::with_capacity(json.len() * 2);
    // Non-ASCII characters occur only inside strings.
    for c in json.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing into a string cannot fail.
                let _ = write!(ascii, "\\u{unit:04x}");
            }
        }
    }
    ascii
}
