//! Writing that must go on: a client that takes nothing for too long loses its connection, and what is held for its
//! answer with it.
//!
//! The system takes bytes again when about a third of what it holds for the client has been taken, so that a client
//! which takes single bytes is too slow, too.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream on which bytes that are written must move within a time.
pub(crate) struct Progress<S> {
    stream: S,
    within: Duration,
    /// Since when the client has taken nothing; `None` while nothing waits for it.
    late: Option<Pin<Box<Sleep>>>,
}

impl<S> Progress<S> {
    pub(crate) fn new(stream: S, within: Duration) -> Self {
        Self {
            stream,
            within,
            late: None,
        }
    }

    /// What has come of writing; where it waits for too long, that it is over.
    fn held<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.late = None;
            return written;
        }
        let within = self.within;
        let late = self.late.get_or_insert_with(|| Box::pin(sleep(within)));
        late.as_mut()
            .poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Progress<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Progress<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.held(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.held(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.held(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.held(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::runtime::Runtime;
    use tokio::time::timeout;

    use super::*;

    const WITHIN: Duration = Duration::from_millis(200);

    #[test]
    fn a_client_that_takes_nothing_is_given_up() {
        Runtime::new().unwrap().block_on(async {
            let (own, theirs) = duplex(100);
            let mut own = Progress::new(own, WITHIN);
            own.write_all(&[0; 100]).await.unwrap();
            let late = timeout(Duration::from_secs(20), own.write_all(&[0; 1])).await;
            let error = late.expect("it waits no longer").unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            drop(theirs);
        });
    }

    /// Who takes something now and then is waited for, however long it takes altogether.
    #[test]
    fn a_slow_client_is_waited_for() {
        Runtime::new().unwrap().block_on(async {
            let (own, mut theirs) = duplex(10);
            let slow = tokio::spawn(async move {
                let mut taken = Vec::new();
                while taken.len() < 100 {
                    tokio::time::sleep(WITHIN / 20).await;
                    let mut piece = [0; 5];
                    let count = theirs.read(&mut piece).await.unwrap();
                    taken.extend_from_slice(&piece[..count]);
                }
                taken
            });
            let mut own = Progress::new(own, WITHIN);
            own.write_all(&[7; 100]).await.unwrap();
            assert_eq!(slow.await.unwrap(), [7; 100]);
        });
    }
}
