//! The program's output for people. The reader may be gone (`ghl-sync plan … | head -1`); the program then neither
//! stops nor panics, unlike the standard library's macros.

use std::fmt::Arguments;
use std::io::{self, Write};

/// Writes to standard output.
macro_rules! print {
    ($($text:tt)*) => { $crate::out::out(format_args!($($text)*)) };
}

/// Writes a line to standard output.
macro_rules! println {
    () => { $crate::out::out(format_args!("\n")) };
    ($($text:tt)*) => { $crate::out::out(format_args!("{}\n", format_args!($($text)*))) };
}

/// Writes a line to standard error.
macro_rules! eprintln {
    ($($text:tt)*) => { $crate::out::err(format_args!("{}\n", format_args!($($text)*))) };
}

pub(crate) fn out(text: Arguments<'_>) {
    let mut out = io::stdout().lock();
    let _ = out.write_fmt(text).and_then(|()| out.flush());
}

pub(crate) fn err(text: Arguments<'_>) {
    let _ = io::stderr().lock().write_fmt(text);
}
