//! Decodes bytes into lines.

use std::collections::VecDeque;
use std::io::{self, Read};

use super::Encoding;

/// Longer lines are cut.
const MAX_LINE_BYTES: usize = 4 << 20;
const CHUNK: usize = 64 << 10;

/// One line of a text, without its line break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// Whether it exceeded [`MAX_LINE_BYTES`].
    pub(crate) cut: bool,
}

/// The lines of a text. `\n`, `\r\n` and `\r` are line breaks, also mixed in one file. A BOM at the start is dropped.
pub(crate) struct Lines<'a> {
    bytes: Box<dyn Read + Send + 'a>,
    decoder: encoding_rs::Decoder,
    input: Vec<u8>,
    decoded: String,
    /// Start of the next line in `decoded`.
    at: usize,
    /// Whether the last line ended in `\r`, so that a following `\n` belongs to it.
    after_return: bool,
    is_over: bool,
    waiting: VecDeque<Line>,
    /// Buffer of a used line.
    spare: String,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(bytes: Box<dyn Read + Send + 'a>, encoding: Encoding) -> Self {
        Self {
            bytes,
            decoder: encoding.decoder(),
            input: vec![0; CHUNK],
            decoded: String::new(),
            at: 0,
            after_return: false,
            is_over: false,
            waiting: VecDeque::new(),
            spare: String::new(),
        }
    }

    /// Puts lines back, to be read again in this order.
    pub(crate) fn give_back(&mut self, lines: impl DoubleEndedIterator<Item = Line>) {
        lines.rev().for_each(|line| self.waiting.push_front(line));
    }

    /// Takes a used line back, so that the next one can reuse its memory.
    pub(crate) fn recycle(&mut self, line: Line) {
        self.spare = line.text;
        self.spare.clear();
    }

    /// The next line.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        if let Some(line) = self.waiting.pop_front() {
            return Ok(Some(line));
        }
        let mut line = Line { text: std::mem::take(&mut self.spare), cut: false };
        loop {
            if self.after_return && self.rest().starts_with('\n') {
                self.at += 1;
            }
            let rest = self.rest();
            if !rest.is_empty() {
                self.after_return = false;
            }
            let rest = self.decoded.get(self.at..).unwrap_or_default();
            if let Some(end) = memchr::memchr2(b'\n', b'\r', rest.as_bytes()) {
                append(&mut line, rest.get(..end).unwrap_or_default());
                self.after_return = rest.as_bytes().get(end) == Some(&b'\r');
                self.at += end + 1;
                return Ok(Some(line));
            }
            let has_text = !rest.is_empty();
            append(&mut line, rest);
            self.at = self.decoded.len();
            if !self.fill()? {
                return Ok((has_text || !line.text.is_empty() || line.cut).then_some(line));
            }
        }
    }

    fn rest(&self) -> &str {
        self.decoded.get(self.at..).unwrap_or_default()
    }

    /// Decodes the next chunk. Returns false at the end.
    fn fill(&mut self) -> io::Result<bool> {
        if self.is_over {
            return Ok(false);
        }
        let length = super::read_full(&mut *self.bytes, &mut self.input)?;
        self.is_over = length < self.input.len();
        self.decoded.clear();
        self.at = 0;
        let input = self.input.get(..length).unwrap_or_default();
        let needed = self.decoder.max_utf8_buffer_length(length).unwrap_or(length * 3 + 16);
        self.decoded.reserve(needed);
        let _ = self.decoder.decode_to_string(input, &mut self.decoded, self.is_over);
        Ok(true)
    }
}

fn append(line: &mut Line, text: &str) {
    let room = MAX_LINE_BYTES.saturating_sub(line.text.len());
    if text.len() <= room {
        return line.text.push_str(text);
    }
    line.cut = true;
    let end = (0..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    line.text.push_str(text.get(..end).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(bytes: &[u8], label: &str) -> Vec<String> {
        let mut lines = Lines::new(Box::new(bytes), Encoding::of_label(label).unwrap());
        std::iter::from_fn(|| lines.next().unwrap()).map(|line| line.text).collect()
    }

    #[test]
    fn all_line_ends_end_lines_also_mixed() {
        assert_eq!(lines(b"a\nb\r\nc\rd\n\ne", "utf-8"), ["a", "b", "c", "d", "", "e"]);
        assert_eq!(lines(b"\xef\xbb\xbfa\r\n", "utf-8"), ["a"]);
        assert_eq!(lines(b"", "utf-8"), [""; 0]);
        let utf16: Vec<u8> = "Zoë\r\nKöln".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(lines(&utf16, "utf-16le"), ["Zoë", "Köln"]);
    }

    #[test]
    fn a_line_end_is_not_doubled_by_the_end_of_a_chunk() {
        for length in CHUNK - 3..CHUNK + 3 {
            let text = "x".repeat(length) + "\r\ny";
            assert_eq!(lines(text.as_bytes(), "utf-8").len(), 2, "{length}");
        }
    }

    #[test]
    fn lines_that_are_given_back_are_read_again() {
        let mut lines = Lines::new(Box::new(b"a\nb\nc".as_slice()), Encoding::of_label("utf-8").unwrap());
        let first: Vec<Line> = (0..2).map(|_| lines.next().unwrap().unwrap()).collect();
        lines.give_back(first.into_iter());
        assert_eq!(lines.next().unwrap().unwrap().text, "a");
    }
}
