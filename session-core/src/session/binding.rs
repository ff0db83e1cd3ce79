//! A session bound to a fingerprint by which the application recognises the browser. A mismatch is a signal and no
//! proof: a thief may copy the user agent, and honest browsers change networks and versions.

use core::ops::DerefMut;

use rand_core::TryCryptoRng;
use subtle::ConstantTimeEq;

use super::view::Session;
use crate::base::environment::{Buffer, Clock};
use crate::base::error::Error;
use crate::base::events::{Event, Observer};
use crate::base::hmac::sha256;
use crate::base::policy::Mismatch;
use crate::driver::mode::Mode;
use crate::protocol::operation::Intent;
use crate::protocol::state::RequestState;
use crate::record::layout::Binding;
use crate::store::contract::Store;

/// The first eight bytes of SHA-256("session-core/1 binding" ‖ 0 ‖ fingerprint).
fn digest(fingerprint: &[u8]) -> Binding {
    sha256(&[b"session-core/1 binding\0", fingerprint]).first_chunk().copied().unwrap_or_default()
}

impl<'a, S, C, R, B, Q, O, M> Session<'a, S, C, R, Q, O, M>
where
    S: Store,
    C: Clock,
    R: TryCryptoRng,
    B: Buffer + 'a,
    Q: DerefMut<Target = RequestState<B>>,
    O: Observer,
    M: Mode,
{
    /// Binds the session to a fingerprint that the application chooses, for example the user agent and the first half
    /// of the address. An empty fingerprint removes the binding. Creates a session if the request has none.
    ///
    /// Eight bytes of the fingerprint's hash are stored immediately, together with earlier changes of this request. Of
    /// two concurrent calls the last one wins. Call it after [`login`](Self::login), which keeps a binding but may
    /// create a new session. If the future is dropped, the binding was stored completely or not at all.
    ///
    /// # Errors
    /// [`Error::Conflict`] if an earlier change of this request conflicts, [`Error::TooLarge`] if the buffer is full, and
    /// the errors of the store.
    pub async fn bind(&mut self, fingerprint: &[u8]) -> Result<(), Error> {
        let binding = (!fingerprint.is_empty()).then(|| digest(fingerprint));
        if binding == self.request.record().and_then(|record| record.binding()) {
            return Ok(());
        }
        self.update(|record, changes| {
            record.set_binding(binding.as_ref())?;
            changes.set_dirty();
            Ok(())
        })
        .await?;
        if let Some(id) = self.log_id() {
            self.sessions.observe(&Event::Bound(id, self.subject()));
        }
        Ok(())
    }

    /// Checks the fingerprint. Returns `true` if the session is bound to it or to none, or if there is no session.
    ///
    /// A mismatch is reported as an event and handled as [`Policy::on_mismatch`](crate::policy::Policy::on_mismatch)
    /// says:
    ///
    /// - [`Ignore`](crate::policy::Mismatch::Ignore): nothing else happens.
    /// - [`StepUp`](crate::policy::Mismatch::StepUp): [`authenticated_within`](Self::authenticated_within) returns
    ///   `false` for the rest of this request, unless the subject signs in.
    /// - [`End`](crate::policy::Mismatch::End): the session ends. The browser keeps its cookie, which opens nothing any
    ///   more; only a sealed session's cookie is removed.
    ///
    /// # Errors
    /// An error occurs with `End` only. The session may still be valid.
    pub async fn check_binding(&mut self, fingerprint: &[u8]) -> Result<bool, Error> {
        let bound = self.request.record().and_then(|record| record.binding());
        if bound.is_none_or(|bound| bound.ct_eq(&digest(fingerprint)).into()) {
            return Ok(true);
        }
        if let Some(id) = self.log_id() {
            self.sessions.observe(&Event::Mismatch(id, self.subject()));
        }
        match self.sessions.policy().mismatch {
            Mismatch::Ignore => {}
            Mismatch::StepUp => self.request.doubt(),
            Mismatch::End => {
                self.request.doubt();
                self.perform(Intent::Logout).await?;
                if !self.sessions.mode.abilities().lives_in_cookie {
                    self.request.keep_cookie();
                }
            }
        }
        Ok(false)
    }
}
