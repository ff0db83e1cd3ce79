//! Which access point the device belongs to, and why it has none.

use core::fmt::Write;

use embassy_time::Timer;
use esp_radio::wifi::sta::StationConfig;
use esp_radio::wifi::{AuthenticationMethodConfig, Config, ConnectionError, DisconnectReason, WifiController};
use session_core::environment::Time;
use session_device::{ConfigError, ConfigItems, block_on, while_free};

use crate::app::{Memory, Storage};
use crate::board::Serial;

/// The access point of a build, for a device that remembers none yet.
const BUILT_IN: (Option<&str>, Option<&str>) = (option_env!("WIFI_SSID"), option_env!("WIFI_PASSWORD"));

/// Stays with the access point that the device remembers or, while that one is out of reach, with the build's. Says why if
/// it can do neither.
#[embassy_executor::task]
pub(crate) async fn connect(mut radio: WifiController<'static>, storage: Storage) -> ! {
    let store = storage.memory.store();
    let read = while_free(storage.chip, || async { block_on(ConfigItems::read(store)) }).await;
    let kept = read.ok().and_then(Result::ok).unwrap_or_else(|| {
        say("what the device remembers of it cannot be read");
        ConfigItems::new()
    });
    let points = [(kept.text("ssid"), kept.text("password")), BUILT_IN];
    loop {
        let mut known = false;
        for (ssid, password) in points {
            let Some(ssid) = ssid.filter(|ssid| !ssid.is_empty()) else { continue };
            known = true;
            say(join(&mut radio, storage, ssid, password.unwrap_or_default()).await);
            Timer::after_secs(5).await;
        }
        if !known {
            say("the device knows no access point");
            Timer::after_secs(10).await;
        }
    }
}

fn say(why: &str) {
    let _ = writeln!(Serial, "no Wi-Fi: {why}");
}

/// Stays with this one. Returns why it ended.
async fn join(radio: &mut WifiController<'static>, storage: Storage, ssid: &str, password: &str) -> &'static str {
    let rejected = "the radio rejects the name or the password";
    let Some(station) = station(ssid, password) else { return rejected };
    if radio.set_config(&Config::Station(station)).is_err() {
        return rejected;
    }
    match radio.connect_async().await {
        Ok(_) => {
            let remembered = while_free(storage.chip, || async { block_on(remember(storage.memory, ssid, password)) });
            if let Ok(Err(why)) = remembered.await {
                let _ = writeln!(Serial, "Wi-Fi is not remembered: {why}");
            }
            radio.wait_for_disconnect_async().await.map_or(GONE, |gone| why(gone.reason))
        }
        Err(ConnectionError::Failed(gone)) => why(gone.reason),
        Err(_) => "the radio's driver failed",
    }
}

/// Writes what has worked into the flash, so that an update need not know it.
async fn remember(memory: &Memory, ssid: &str, password: &str) -> Result<(), ConfigError> {
    let mut items = ConfigItems::read(memory.store()).await?;
    let same = items.text("ssid") == Some(ssid) && items.text("password") == Some(password);
    if same || !memory.has_booted().await {
        return Ok(());
    }
    items.set("ssid", ssid.as_bytes())?;
    items.set("password", password.as_bytes())?;
    // no session is to make room for it
    items.write(memory.store(), Time::ZERO).await
}

fn station(ssid: &str, password: &str) -> Option<StationConfig> {
    let authentication = match password {
        "" => AuthenticationMethodConfig::Open,
        _ => AuthenticationMethodConfig::Wpa2Personal(password.try_into().ok()?),
    };
    Some(StationConfig::default().with_ssid(ssid.try_into().ok()?).with_authentication(authentication))
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
