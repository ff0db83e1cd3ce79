//! A wrapper around the socket. Bad input ends in an error response, and never in two requests where one was sent.

use core::cell::Cell;

use picoserve::io::embedded_io_async::{ErrorType, Read, Write as BaseWrite};
use picoserve::io::{Socket, Write};
use picoserve::mem::{BorrowedBuffer, BorrowedCursor};
use picoserve::{Timeouts, Timer};
use session_embedded::{Answer, Head, Progress, Refusal};

/// The guard of one connection: `server.serve(guard.around(socket))`. It takes about 120 bytes, of which 32 are a
/// buffer. The socket borrows it, so that the futures that contain the socket do not grow by its size.
pub struct Guard {
    incoming: Incoming,
    shared: Shared,
}

/// A socket whose requests are checked before picoserve 0.20 reads them. A head that picoserve would read differently
/// from other servers is answered with 400 here, a head larger than the server's buffer with 431, and a chunked body
/// with 501. Each of them closes the connection.
pub struct Guarded<'g, S> {
    socket: S,
    guard: &'g mut Guard,
}

/// The number of bytes read at a time. They are passed on request by request.
const AHEAD: usize = 32;

/// The received bytes, and how many of them picoserve has.
struct Incoming {
    at: At,
    ahead: [u8; AHEAD],
    from: usize,
    to: usize,
}

/// The position in the client's bytes.
enum At {
    /// In the head of a request, or before one.
    Head(Head),
    /// This number of bytes before the end of a body.
    Body(u64),
}

/// The state that both halves of the socket share.
struct Shared {
    refused: Cell<Option<Refusal>>,
    /// The answer to the request that was read last.
    answer: Cell<Answer>,
}

impl Guard {
    /// Creates a guard, which can serve one connection after another.
    #[must_use]
    pub const fn new() -> Self {
        let incoming = Incoming { at: At::Head(Head::new()), ahead: [0; AHEAD], from: 0, to: 0 };
        Self { incoming, shared: Shared { refused: Cell::new(None), answer: Cell::new(Answer::new()) } }
    }

    /// Returns whether a response to the last request has begun. If the server's future is dropped before, the program
    /// may still answer.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.shared.answer.get().is_begun() || self.shared.refused.get().is_some()
    }

    /// Guards `socket` from its first byte on.
    pub const fn around<S>(&mut self, socket: S) -> Guarded<'_, S> {
        *self = Self::new();
        Guarded { socket, guard: self }
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self::new()
    }
}

impl<Runtime, S: Socket<Runtime>> Socket<Runtime> for Guarded<'_, S> {
    type Error = S::Error;
    type ReadHalf<'a>
        = GuardedRead<'a, S::ReadHalf<'a>>
    where
        Self: 'a;
    type WriteHalf<'a>
        = GuardedWrite<'a, S::WriteHalf<'a>>
    where
        Self: 'a;

    fn split(&mut self) -> (Self::ReadHalf<'_>, Self::WriteHalf<'_>) {
        let (read, write) = self.socket.split();
        let read = GuardedRead { inner: read, incoming: &mut self.guard.incoming, shared: &self.guard.shared };
        (read, GuardedWrite { inner: write, shared: &self.guard.shared, answered: false })
    }

    async fn abort<T: Timer<Runtime>>(
        self,
        timeouts: &Timeouts,
        timer: &T,
    ) -> Result<(), picoserve::Error<Self::Error>> {
        if self.guard.shared.refused.get().is_some() {
            // a reset would lose the answer
            return self.socket.shutdown(timeouts, timer).await;
        }
        self.socket.abort(timeouts, timer).await
    }

    async fn shutdown<T: Timer<Runtime>>(
        self,
        timeouts: &Timeouts,
        timer: &T,
    ) -> Result<(), picoserve::Error<Self::Error>> {
        self.socket.shutdown(timeouts, timer).await
    }
}

/// The reading half of a guarded socket.
pub struct GuardedRead<'a, R> {
    inner: R,
    incoming: &'a mut Incoming,
    shared: &'a Shared,
}

impl<R: ErrorType> ErrorType for GuardedRead<'_, R> {
    type Error = R::Error;
}

impl<R: Read> Read for GuardedRead<'_, R> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, R::Error> {
        if self.shared.refused.get().is_some() || self.incoming.is_left_over(self.shared.answer.get()) {
            return Ok(0);
        }
        if into.is_empty() {
            // picoserve reads this way when its buffer is full, and treats the result as the end of the connection
            self.shared.refused.set(self.incoming.is_in_head().then_some(Refusal::TooLarge));
            return Ok(0);
        }
        if self.incoming.from == self.incoming.to {
            let read = self.inner.read(&mut self.incoming.ahead).await?;
            (self.incoming.from, self.incoming.to) = (0, read);
            if read == 0 {
                self.shared.refused.set(self.incoming.is_in_head().then_some(Refusal::NotUnderstood));
                return Ok(0);
            }
        }
        Ok(self.incoming.hand_on(into, self.shared))
    }
}

impl Incoming {
    const fn is_in_head(&self) -> bool {
        matches!(&self.at, At::Head(head) if head.is_begun())
    }

    /// Whether the next bytes are the rest of a body that picoserve abandoned. It would treat them as the next request.
    fn is_left_over(&self, answer: Answer) -> bool {
        matches!(self.at, At::Body(_)) && answer.is_begun()
    }

    /// Passes on the available bytes, but none after the request, because only its answer shows whether they are HTTP.
    #[inline(never)] // picoserve reads in many places
    fn hand_on(&mut self, into: &mut [u8], shared: &Shared) -> usize {
        let there = self.ahead.get(self.from..self.to).unwrap_or_default();
        let given = match &mut self.at {
            _ if shared.answer.get().switches() => there.len(),
            At::Body(left) => {
                let given = there.len().min(into.len()).min((*left).try_into().unwrap_or(usize::MAX));
                *left -= given as u64;
                if *left == 0 {
                    self.at = At::Head(Head::new());
                }
                given
            }
            At::Head(head) => {
                shared.answer.set(Answer::new());
                let mut steps = there.iter().zip(1..=into.len()).map(|(byte, given)| (head.push(*byte), given));
                match steps.find(|(step, _)| *step != Progress::More) {
                    None => there.len(),
                    Some((Progress::End, given)) if !head.is_chunked() => {
                        self.at = if head.length() > 0 { At::Body(head.length()) } else { At::Head(Head::new()) };
                        given
                    }
                    Some((step, given)) => {
                        let refusal =
                            if step == Progress::End { Refusal::NotSupported } else { Refusal::NotUnderstood };
                        shared.refused.set(Some(refusal));
                        // never a complete head, but enough of one for picoserve to answer it
                        if let Some(first) = into.first_mut() {
                            *first = b'!';
                        }
                        self.from += given;
                        return 1;
                    }
                }
            }
        };
        let given = given.min(into.len());
        into.iter_mut().zip(there).take(given).for_each(|(place, byte)| *place = *byte);
        self.from += given;
        given
    }
}

/// The writing half of a guarded socket.
pub struct GuardedWrite<'a, W> {
    inner: W,
    shared: &'a Shared,
    /// The rejection was written.
    answered: bool,
}

impl<W: BaseWrite> GuardedWrite<'_, W> {
    /// Writes the rejection, if there is one, instead of picoserve's answer.
    async fn is_refused(&mut self) -> Result<bool, W::Error> {
        let Some(refused) = self.shared.refused.get() else { return Ok(false) };
        if !self.answered {
            self.answered = true;
            self.inner.write_all(refused.answer()).await?;
        }
        Ok(true)
    }
}

impl<W: ErrorType> ErrorType for GuardedWrite<'_, W> {
    type Error = W::Error;
}

#[inline(never)] // and writes in even more
fn watch(shared: &Shared, bytes: &[u8]) {
    let mut answer = shared.answer.get();
    answer.push(bytes);
    shared.answer.set(answer);
}

impl<W: BaseWrite> BaseWrite for GuardedWrite<'_, W> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, W::Error> {
        if self.is_refused().await? {
            return Ok(bytes.len());
        }
        let written = self.inner.write(bytes).await?;
        watch(self.shared, bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    async fn flush(&mut self) -> Result<(), W::Error> {
        self.inner.flush().await
    }
}

impl<W: Write> Write for GuardedWrite<'_, W> {
    async fn write_with<F: FnOnce(BorrowedCursor<'_>) -> R, R>(&mut self, fill: F) -> Result<R, W::Error> {
        if self.is_refused().await? {
            return Ok(fill(BorrowedBuffer::new(&mut [0; 64]).unfilled()));
        }
        let shared = self.shared;
        let filled = |mut cursor: BorrowedCursor<'_>| {
            cursor.with_unfilled_buf(|buffer| {
                let filled = fill(buffer.unfilled());
                watch(shared, buffer.filled());
                filled
            })
        };
        self.inner.write_with(filled).await
    }
}
