//! The source of a list's bytes.

use std::io::{self, Read};

/// A list that can be read repeatedly: the first passes determine its form and meaning, and the last one makes
/// records. Each [`open`](ByteSource::open) must return the same bytes from the start.
pub trait ByteSource: Send + Sync {
    /// Opens the bytes at the start.
    ///
    /// # Errors
    /// Errors of the caller's storage.
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>>;
}

impl ByteSource for [u8] {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(self))
    }
}

impl ByteSource for Vec<u8> {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        self.as_slice().open()
    }
}

impl<S: ByteSource + ?Sized> ByteSource for &S {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        (**self).open()
    }
}

impl<S: ByteSource + ?Sized> ByteSource for Box<S> {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        (**self).open()
    }
}
