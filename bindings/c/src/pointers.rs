//! Texts and buffers of the caller.

use std::ffi::c_char;
use std::marker::PhantomData;
use std::{ptr, slice};

use crate::error::Fault;

/// A text of the caller: a pointer and a length, which may still be invalid.
pub(crate) struct Text<'a> {
    data: *const u8,
    len: usize,
    caller: PhantomData<&'a [u8]>,
}

impl<'a> Text<'a> {
    /// Takes a pointer and a length.
    ///
    /// # Safety
    /// `data` must be NULL, or point to `len` bytes that do not change for `'a`.
    pub(crate) const unsafe fn new(data: *const c_char, len: usize) -> Self {
        Self { data: data.cast(), len, caller: PhantomData }
    }

    /// Returns the bytes, or `None` for NULL. `name` is that of the argument.
    pub(crate) fn bytes(&self, name: &'static str) -> Result<Option<&'a [u8]>, Fault> {
        if self.data.is_null() {
            // A length without a text is a mistake, for example a failed allocation.
            return if self.len == 0 { Ok(None) } else { Err(Fault::argument(name)) };
        }
        if isize::try_from(self.len).is_err() {
            return Err(Fault::argument(name));
        }
        // SAFETY: `new` was promised that these bytes are there, and their number fits into `isize`.
        Ok(Some(unsafe { slice::from_raw_parts(self.data, self.len) }))
    }

    /// Returns the text, or `None` for NULL.
    pub(crate) fn optional(&self, name: &'static str) -> Result<Option<&'a str>, Fault> {
        let Some(bytes) = self.bytes(name)? else { return Ok(None) };
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(error) => Err(Fault::NotUtf8 { name, place: error.valid_up_to() }),
        }
    }

    /// Returns the text, which must not be NULL.
    pub(crate) fn required(&self, name: &'static str) -> Result<&'a str, Fault> {
        self.optional(name)?.ok_or(Fault::argument(name))
    }
}

/// A buffer of the caller, and the place for the length of the result.
pub(crate) struct Output {
    buffer: *mut u8,
    capacity: usize,
    length: *mut usize,
}

impl Output {
    /// Takes a buffer and its size. Its bytes may be uninitialized. Sets the length to 0.
    ///
    /// # Safety
    /// `buffer` must be NULL or point to `capacity` writable bytes; `length` must be NULL or point to a `size_t`. Both must
    /// stay valid as long as this value.
    pub(crate) unsafe fn new(buffer: *mut c_char, capacity: usize, length: *mut usize) -> Self {
        // SAFETY: the caller promises that it is NULL or valid.
        unsafe { write(length, 0) };
        Self { buffer: buffer.cast(), capacity, length }
    }

    /// Copies a text into the buffer, if it fits, and sets the length in any case.
    pub(crate) fn write(&self, text: &str, name: &'static str) -> Result<(), Fault> {
        // SAFETY: `new` was promised that it is NULL or valid.
        unsafe { write(self.length, text.len()) };
        if text.len() > self.capacity {
            return Err(Fault::BufferTooSmall { needed: text.len() });
        }
        if self.buffer.is_null() {
            return Err(Fault::argument(name));
        }
        // SAFETY: `new` was promised that the buffer has `capacity` bytes, which is enough; the text is our own memory.
        unsafe { ptr::copy_nonoverlapping(text.as_ptr(), self.buffer, text.len()) };
        Ok(())
    }
}

/// Writes a value, unless the pointer is NULL.
///
/// # Safety
/// `to` must be NULL or valid for writes.
pub(crate) unsafe fn write<T>(to: *mut T, value: T) {
    if !to.is_null() {
        // SAFETY: the caller promises that it is valid.
        unsafe { to.write(value) };
    }
}
