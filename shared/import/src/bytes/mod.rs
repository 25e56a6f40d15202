//! Unpacks a file and detects its kind and encoding.

mod encoding;
mod kind;
mod lines;

use std::io::{self, BufReader, Read};

pub(crate) use encoding::Encoding;
pub(crate) use kind::FileKind;
pub(crate) use lines::{Line, Lines};

use crate::error::Damaged;
use crate::{ByteSource, FileImportError, ImportOptions, ListQuestion};

/// Most bytes of a workbook, which is unpacked in memory.
const MAX_WORKBOOK_BYTES: u64 = 512 << 20;

/// The form of a file.
pub(crate) enum Form {
    /// Text in this encoding.
    Text(Encoding),
    /// The bytes of an Excel workbook.
    Workbook(Vec<u8>),
}

/// Detects the form of the bytes.
pub(crate) fn form(source: &dyn ByteSource, options: &ImportOptions) -> Result<Form, FileImportError> {
    let mut start = vec![0; kind::BYTES_NEEDED];
    let mut bytes = unpacked(source)?;
    let length = read_full(&mut bytes, &mut start)?;
    start.truncate(length);
    match kind::of(&start) {
        FileKind::NotAList(what) => Err(FileImportError::NotAList(what)),
        FileKind::Zip => workbook(source),
        FileKind::Text => text(source, options, &start),
    }
}

/// The bytes, unpacked if gzipped. (A list that is packed twice is unpacked once, and then rejected as no text.)
pub(crate) fn unpacked(source: &dyn ByteSource) -> io::Result<Box<dyn Read + Send + '_>> {
    let mut bytes = source.open()?;
    let mut magic = [0; 2];
    let length = read_full(&mut bytes, &mut magic)?;
    let whole = io::Cursor::new(magic).take(length as u64).chain(bytes);
    if length == 2 && magic == [0x1f, 0x8b] {
        return Ok(Box::new(Unpacked(flate2::bufread::MultiGzDecoder::new(BufReader::new(whole)))));
    }
    Ok(Box::new(whole))
}

/// Marks errors of damaged gzip data, to tell them from read errors of the source.
struct Unpacked<R>(R);

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                io::Error::new(error.kind(), Damaged(error))
            }
            _ => error,
        })
    }
}

fn workbook(source: &dyn ByteSource) -> Result<Form, FileImportError> {
    let mut bytes = Vec::new();
    unpacked(source)?.take(MAX_WORKBOOK_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_WORKBOOK_BYTES {
        return Err(FileImportError::TooLarge { max_bytes: MAX_WORKBOOK_BYTES });
    }
    Ok(Form::Workbook(bytes))
}

fn text(source: &dyn ByteSource, options: &ImportOptions, start: &[u8]) -> Result<Form, FileImportError> {
    if start.iter().all(u8::is_ascii_whitespace) && start.len() < kind::BYTES_NEEDED {
        return Err(FileImportError::Empty);
    }
    if let Some(label) = &options.encoding {
        let encoding = Encoding::of_label(label).ok_or_else(|| FileImportError::UnknownEncoding(label.clone()))?;
        return Ok(Form::Text(encoding));
    }
    match encoding::detect(start, || unpacked(source))? {
        encoding::Detected::Proven(encoding) => Ok(Form::Text(encoding)),
        encoding::Detected::Guess { guess, samples } => {
            Err(FileImportError::Open { questions: vec![ListQuestion::Encoding { guess, samples }] })
        }
        encoding::Detected::Binary => Err(FileImportError::NotAList(crate::NotAList::Binary)),
    }
}

/// Reads until the buffer is full or the bytes end.
fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}
