//! From bytes to text.

use std::borrow::Cow;
use std::fmt;

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::ImportError;

/// What a file's text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, low byte first, as its byte order mark says.
    Utf16Le,
    /// UTF-16, high byte first, as its byte order mark says.
    Utf16Be,
    /// Windows-1252, the superset of Latin-1 that older spreadsheets write. It is taken where nothing else fits.
    Windows1252,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Encoding::Utf8 => "UTF-8",
            Encoding::Utf16Le => "UTF-16 LE",
            Encoding::Utf16Be => "UTF-16 BE",
            Encoding::Windows1252 => "Windows-1252 (it is not UTF-8)",
        })
    }
}

/// The text of a file, each line ended by `\n`, and what it was written in.
pub(super) fn decode(bytes: &[u8]) -> Result<(Cow<'_, str>, Encoding), ImportError> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err(ImportError::Workbook);
    }
    let (text, encoding) = to_unicode(bytes);
    if text.trim().is_empty() {
        return Err(ImportError::Empty);
    }
    if is_binary(&text) {
        return Err(ImportError::NotText);
    }
    Ok((with_plain_line_ends(text), encoding))
}

fn to_unicode(bytes: &[u8]) -> (Cow<'_, str>, Encoding) {
    let (decoder, encoding) = match encoding_rs::Encoding::for_bom(bytes) {
        Some((marked, _)) if marked == UTF_16LE => (UTF_16LE, Encoding::Utf16Le),
        Some((marked, _)) if marked == UTF_16BE => (UTF_16BE, Encoding::Utf16Be),
        Some(_) => (UTF_8, Encoding::Utf8),
        None if std::str::from_utf8(bytes).is_ok() => (UTF_8, Encoding::Utf8),
        None => (WINDOWS_1252, Encoding::Windows1252),
    };
    // What a marked encoding cannot have becomes U+FFFD, which is a problem of the cell that has it.
    let (text, _) = decoder.decode_with_bom_removal(bytes);
    (text, encoding)
}

/// A text has no NUL, and hardly any other control character.
fn is_binary(text: &str) -> bool {
    let is_stray = |byte: &u8| byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\r');
    text.contains('\0') || text.bytes().filter(|byte| is_stray(byte)).count() > text.len() / 100
}

fn with_plain_line_ends(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_encoding_is_recognised() {
        let utf16 = |text: &str, unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let cases = [
            ("Zoë,ł".as_bytes().to_vec(), "Zoë,ł", Encoding::Utf8),
            ("\u{feff}Zoë".as_bytes().to_vec(), "Zoë", Encoding::Utf8),
            (utf16("\u{feff}Zoë,😀", u16::to_le_bytes), "Zoë,😀", Encoding::Utf16Le),
            (utf16("\u{feff}Zoë,😀", u16::to_be_bytes), "Zoë,😀", Encoding::Utf16Be),
            (b"Zo\xeb \x80".to_vec(), "Zoë €", Encoding::Windows1252),
        ];
        for (bytes, text, encoding) in cases {
            assert_eq!(decode(&bytes).unwrap(), (text.into(), encoding));
        }
    }

    #[test]
    fn line_ends_of_all_systems_become_one() {
        let (text, _) = decode(b"a\r\nb\rc\nd").unwrap();
        assert_eq!(text, "a\nb\nc\nd");
    }

    #[test]
    fn what_is_not_text_is_refused() {
        assert!(matches!(decode(b""), Err(ImportError::Empty)));
        assert!(matches!(decode(b"\xef\xbb\xbf \r\n\t"), Err(ImportError::Empty)));
        assert!(matches!(decode(b"PK\x03\x04rest"), Err(ImportError::Workbook)));
        assert!(matches!(decode(b"Email\na\0b"), Err(ImportError::NotText)));
        assert!(matches!(decode(b"E\0m\0a\0i\0l\0"), Err(ImportError::NotText)));
        assert!(matches!(decode(b"\x1f\x8b\x08\x02\x03\x04\x05"), Err(ImportError::NotText)));
    }
}
