//! What an access point's answer means to the owner.

use esp_radio::wifi::DisconnectReason;

/// A connection that ended.
pub(crate) const GONE: &str = "the access point ended the connection";

/// Says it.
pub(crate) fn why(reason: DisconnectReason) -> &'static str {
    use DisconnectReason::{
        AuthenticationExpired, AuthenticationFailed, FourWayHandshakeTimeout, HandshakeTimeout, MicFailure,
        NoAccessPointFound, NoAccessPointFoundInAuthmodeThreshold, NoAccessPointFoundWithCompatibleSecurity,
    };
    match reason {
        NoAccessPointFound => "no access point of this name is in reach",
        NoAccessPointFoundInAuthmodeThreshold | NoAccessPointFoundWithCompatibleSecurity => {
            "the access point wants another kind of password"
        }
        AuthenticationExpired | AuthenticationFailed | FourWayHandshakeTimeout | HandshakeTimeout | MicFailure => {
            "the access point rejects the password"
        }
        _ => GONE,
    }
}
