//! Which access point the device belongs to, and why it has none.

use core::fmt::Write;

use embassy_time::Timer;
use esp_radio::wifi::sta::StationConfig;
use esp_radio::wifi::{
    AuthenticationMethodConfig, Config, ConnectionError, DisconnectReason, Password, WifiController,
};

use crate::board::Serial;

/// Stays with the access point, and says why if it cannot.
#[embassy_executor::task]
pub(crate) async fn connect(mut radio: WifiController<'static>) -> ! {
    let known = station().and_then(|station| {
        radio.set_config(&Config::Station(station)).map_err(|_| "the radio rejects the name or the password")
    });
    loop {
        let why = match known {
            Err(why) => why,
            Ok(()) => match radio.connect_async().await {
                Ok(_) => radio.wait_for_disconnect_async().await.map_or(GONE, |gone| why(gone.reason)),
                Err(ConnectionError::Failed(gone)) => why(gone.reason),
                Err(_) => "the radio's driver failed",
            },
        };
        let _ = writeln!(Serial, "no Wi-Fi: {why}");
        Timer::after_secs(5).await;
    }
}

/// The access point's name and password.
///
/// A first boot takes them from the environment of the build: `WIFI_SSID`, and `WIFI_PASSWORD` unless it is open.
fn station() -> Result<StationConfig, &'static str> {
    let (name, password) = (option_env!("WIFI_SSID").unwrap_or(""), option_env!("WIFI_PASSWORD").unwrap_or(""));
    if name.is_empty() {
        return Err("the device knows no access point");
    }
    let station =
        StationConfig::default().with_ssid(name.try_into().map_err(|_| "an access point's name has 32 bytes at most")?);
    if password.is_empty() {
        return Ok(station.with_authentication(AuthenticationMethodConfig::Open));
    }
    let password = Password::try_from(password).map_err(|_| "an access point's password has 64 bytes at most")?;
    Ok(station.with_authentication(AuthenticationMethodConfig::Wpa2Personal(password)))
}

/// A connection that ended.
const GONE: &str = "the access point ended the connection";

/// What the access point's answer means to who looks after the device.
fn why(reason: DisconnectReason) -> &'static str {
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
