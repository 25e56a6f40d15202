//! Where a list's bytes come from.

use std::io::{self, Read};

/// A list that can be read more than once: the first passes learn what it is and what its columns prove, the last one
/// makes records of it. Each [`open`](Source::open) begins at the first byte and gives the same bytes.
pub trait Source: Send + Sync {
    /// The bytes, from the start.
    ///
    /// # Errors
    /// Whatever the caller's storage says.
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>>;
}

impl Source for [u8] {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(self))
    }
}

impl Source for Vec<u8> {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        self.as_slice().open()
    }
}

impl<S: Source + ?Sized> Source for &S {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        (**self).open()
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        (**self).open()
    }
}
