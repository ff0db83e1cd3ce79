//! A connection in memory.

use core::convert::Infallible;

use embedded_io_async::{ErrorType, Read, Write};

/// A connection that brings one request and takes the answer.
pub(crate) struct Wire<'w> {
    pub(crate) request: &'w [u8],
    pub(crate) answer: &'w mut [u8],
    pub(crate) written: &'w mut usize,
}

/// What the client sent; then it closes.
pub(crate) struct Incoming<'a>(pub(crate) &'a [u8]);

/// What the client gets; more than it has room for is an end of the connection.
pub(crate) struct Outgoing<'a> {
    pub(crate) answer: &'a mut [u8],
    pub(crate) written: &'a mut usize,
}

impl ErrorType for Incoming<'_> {
    type Error = Infallible;
}

impl Read for Incoming<'_> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        let len = into.len().min(self.0.len());
        let (now, later) = self.0.split_at(len);
        into[..len].copy_from_slice(now);
        self.0 = later;
        Ok(len)
    }
}

impl ErrorType for Outgoing<'_> {
    type Error = Infallible;
}

impl Write for Outgoing<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        let free = self.answer.get_mut(*self.written..).unwrap_or_default();
        let len = bytes.len().min(free.len());
        free[..len].copy_from_slice(&bytes[..len]);
        *self.written += len;
        Ok(len)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
