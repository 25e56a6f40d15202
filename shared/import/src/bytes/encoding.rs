//! Detects the encoding of a text, or asks if the bytes do not prove it.

use std::fmt;
use std::io::{self, Read};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};

const SAMPLES: usize = 5;
const LINES_KEPT: usize = 64 << 10;

/// The encoding of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Encoding(&'static encoding_rs::Encoding);

/// Result of the detection.
pub(crate) enum Detected {
    /// No other encoding is possible.
    Proven(Encoding),
    /// The most likely encoding, with sample words.
    Guess { guess: String, samples: Vec<String> },
    /// The bytes are not text.
    Binary,
}

impl Encoding {
    /// Finds an encoding by its WHATWG label, in any case, or by some other common names.
    pub(crate) fn of_label(label: &str) -> Option<Encoding> {
        let label = label.trim().to_ascii_lowercase();
        let label = match label.as_str() {
            "mac" | "macroman" | "mac-roman" | "mac_roman" => "macintosh",
            "utf16" | "utf-16" => "utf-16le",
            "sjis" | "shift-jis" | "cp932" => "shift_jis",
            "ansi" | "cp1252" | "western" => "windows-1252",
            "cp1250" => "windows-1250",
            "cp1251" => "windows-1251",
            other => other,
        };
        encoding_rs::Encoding::for_label(label.as_bytes()).map(Encoding)
    }

    pub(crate) fn decoder(self) -> encoding_rs::Decoder {
        self.0.new_decoder()
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// Detects the encoding of all bytes; `start` are the first of them. It reads them a second time only if they are not
/// UTF-8.
pub(crate) fn detect<'s>(
    start: &[u8],
    open: impl Fn() -> io::Result<Box<dyn Read + Send + 's>>,
) -> io::Result<Detected> {
    if let Some((encoding, _)) = encoding_rs::Encoding::for_bom(start) {
        return Ok(Detected::Proven(Encoding(encoding)));
    }
    if let Some(encoding) = utf16_without_bom(start).filter(|encoding| is_text(start, encoding)) {
        return Ok(Detected::Proven(Encoding(encoding)));
    }
    if is_binary(start) {
        return Ok(Detected::Binary);
    }
    let mut census = Census::default();
    each_chunk(open()?, |chunk| census.take(chunk))?;
    if census.is_utf8() {
        return Ok(Detected::Proven(Encoding(encoding_rs::UTF_8)));
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    each_chunk(open()?, |chunk| {
        detector.feed(chunk, false);
    })?;
    detector.feed(b"", true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    let (text, _) = guess.decode_without_bom_handling(&census.kept);
    Ok(Detected::Guess { guess: guess.name().to_lowercase(), samples: samples(&text) })
}

fn each_chunk(mut bytes: Box<dyn Read + Send + '_>, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut chunk = vec![0; 64 << 10];
    loop {
        match super::read_full(&mut *bytes, &mut chunk)? {
            0 => return Ok(()),
            length => take(chunk.get(..length).unwrap_or_default()),
        }
    }
}

/// Detects UTF-16 without a BOM: in Latin text, or text with at least line breaks and separators, every second byte is
/// zero.
fn utf16_without_bom(start: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    let zeros = |parity: usize| start.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let pairs = start.len() / 2;
    let most = |many: usize, few: usize| pairs >= 2 && many * 10 >= pairs && few * 20 <= many;
    if most(odd, even) {
        Some(encoding_rs::UTF_16LE)
    } else if most(even, odd) {
        Some(encoding_rs::UTF_16BE)
    } else {
        None
    }
}

/// Whether the bytes are text in this encoding: almost no control characters.
fn is_text(start: &[u8], encoding: &'static encoding_rs::Encoding) -> bool {
    let (text, _) = encoding.decode_without_bom_handling(start);
    let odd = text.chars().filter(|c| (c.is_control() && !c.is_whitespace()) || *c == '\u{fffd}').count();
    odd * 20 <= text.chars().count()
}

/// Whether more than one byte in twenty is a control character that text never contains.
fn is_binary(start: &[u8]) -> bool {
    let is_control = |byte: &u8| matches!(byte, 0..=8 | 14..=26 | 28..=31);
    start.iter().filter(|byte| is_control(byte)).count() * 20 > start.len()
}

/// Counts the evidence for and against UTF-8.
#[derive(Default)]
struct Census {
    /// Start of a sequence that continues in the next chunk.
    rest: Vec<u8>,
    /// Valid multi-byte UTF-8 sequences.
    good: u64,
    /// Bytes that are not valid UTF-8.
    bad: u64,
    /// Lines with non-ASCII characters.
    kept: Vec<u8>,
}

impl Census {
    fn take(&mut self, chunk: &[u8]) {
        let joined;
        let mut bytes = if self.rest.is_empty() {
            chunk
        } else {
            joined = [self.rest.as_slice(), chunk].concat();
            joined.as_slice()
        };
        self.rest = Vec::new();
        self.keep(bytes);
        loop {
            match std::str::from_utf8(bytes) {
                Ok(text) => return self.good += sequences(text.as_bytes()),
                Err(error) => {
                    let (valid, after) = bytes.split_at(error.valid_up_to());
                    self.good += sequences(valid);
                    let Some(length) = error.error_len() else {
                        self.rest = after.to_vec();
                        return;
                    };
                    self.bad += 1;
                    bytes = after.get(length..).unwrap_or_default();
                }
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        if self.kept.len() >= LINES_KEPT || bytes.is_ascii() {
            return;
        }
        for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_ascii()) {
            if self.kept.len() < LINES_KEPT {
                self.kept.extend_from_slice(line.get(..line.len().min(4096)).unwrap_or_default());
                self.kept.push(b'\n');
            }
        }
    }

    /// A few bad bytes among many good sequences are damage: other encodings do not produce that many by chance.
    fn is_utf8(&self) -> bool {
        let bad = self.bad + u64::from(!self.rest.is_empty());
        bad == 0 || bad * 4 <= self.good
    }
}

fn sequences(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte >= 0xc0).count() as u64
}

/// Distinct words with non-ASCII characters, so never an address or number.
fn samples(text: &str) -> Vec<String> {
    let mut samples: Vec<String> = Vec::new();
    let words = text.split(|c: char| c.is_whitespace() || ",;\t|\"".contains(c));
    for word in words.filter(|word| !word.is_ascii() && !word.contains('@') && word.chars().count() <= 30) {
        if samples.len() < SAMPLES && !samples.iter().any(|sample| sample == word) {
            samples.push(word.chars().filter(|c| !c.is_control()).collect());
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proven(bytes: &[u8]) -> Option<&'static str> {
        match detect(bytes, || Ok(Box::new(bytes))).unwrap() {
            Detected::Proven(encoding) => Some(encoding.0.name()),
            Detected::Guess { .. } | Detected::Binary => None,
        }
    }

    #[test]
    fn an_encoding_is_proven_by_a_bom_or_by_the_bytes() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        assert_eq!(proven(b"Email\na@b.co\n"), Some("UTF-8"));
        assert_eq!(proven("Zoë\n".as_bytes()), Some("UTF-8"));
        assert_eq!(proven(b"\xff\xfea\0"), Some("UTF-16LE"));
        assert_eq!(proven(&utf16("Email\tCity\na@b.co\tUlm\n")), Some("UTF-16LE"));
        assert_eq!(proven(&utf16("Имя\tГород\nИван\tПермь\n")), Some("UTF-16LE"));
        assert_eq!(proven(b"Email,City\na@b.co,Ro\0me\nb@b.co,Oslo\nc@b.co,Bern\n"), Some("UTF-8"));
    }

    #[test]
    fn a_few_bad_bytes_among_good_sequences_are_damage_and_many_another_encoding() {
        assert_eq!(proven(b"Zo\xc3\xab Jos\xc3\xa9 M\xc3\xa1laga K\xc3\xb6ln Ren\xe9"), Some("UTF-8"));
        for bytes in [b"Jos\xe9 from M\xe1laga".as_slice(), b"\xc8\xe2\xe0\xed", b"\x91\xbe\x98Y,\x93\x8c\x8b\x9e"] {
            assert_eq!(proven(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_sequence_is_not_cut_by_the_end_of_a_chunk() {
        let text = "é".repeat(50_000) + "x" + &"é".repeat(50_000);
        assert_eq!(proven(text.as_bytes()), Some("UTF-8"));
    }
}
