//! A session bound to what the application recognises its browser by: a signal, never a proof, for whoever steals a cookie
//! may copy a user agent, and honest browsers change networks and versions.

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
    /// Binds the session to a fingerprint that the application chooses, for instance the user agent and the first half of
    /// the address; the empty one takes the binding away. Makes a session if there is none. Eight bytes of the fingerprint's
    /// hash are kept, stored at once together with what was set before; of two at once the last one wins. Bind after
    /// [`login`](Self::login), which keeps a binding but may make a new session.
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

    /// Whether the session is bound to this fingerprint, or to none; without a session: `true`. If not, that is an event,
    /// and what the policy says is done ([`Policy::on_mismatch`](crate::policy::Policy::on_mismatch)): nothing, or
    /// [`authenticated_within`](Self::authenticated_within) is `false` for the rest of this request unless the subject signs in, or the session ends
    /// without a removal cookie (one that is sealed into its cookie is removed with that). An error means that it should
    /// have ended and may live on.
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
