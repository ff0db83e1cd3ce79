//! Which access point the device belongs to, and why it has none.

use core::fmt::Write;

use embassy_time::Timer;
use esp_radio::wifi::sta::StationConfig;
use esp_radio::wifi::{AuthenticationMethodConfig, Config, ConnectionError, WifiController};
use session_core::environment::Time;
use session_device::{ConfigError, ConfigItems, block_on, while_free};

use crate::access::{is_name, is_password};
use crate::app::{Memory, Storage};
use crate::board::Serial;
use crate::reason::{GONE, why};

/// The access point of a build, for a device that remembers none yet.
const BUILT_IN: (Option<&str>, Option<&str>) = (option_env!("WIFI_SSID"), option_env!("WIFI_PASSWORD"));

/// Stays with the access point that the device remembers or, while that one is out of reach, with the build's. Says why if
/// it can do neither, and reads again what the device remembers: its owner may have changed it.
#[embassy_executor::task]
pub(crate) async fn connect(mut radio: WifiController<'static>, storage: Storage) -> ! {
    let store = storage.memory.store();
    loop {
        let read = while_free(storage.chip, || async { block_on(ConfigItems::read(store)) }).await;
        let kept = read.ok().and_then(Result::ok).unwrap_or_else(|| {
            say("what the device remembers of it cannot be read");
            ConfigItems::new()
        });
        let mut known = false;
        for (ssid, password) in [(kept.text("ssid"), kept.text("password")), BUILT_IN] {
            let Some(ssid) = ssid.filter(|ssid| !ssid.is_empty()) else { continue };
            known = true;
            say(join(&mut radio, storage, ssid, password.unwrap_or_default()).await);
        }
        if !known {
            say("the device knows no access point: set ssid NAME, then set password PASSWORD");
        }
        Timer::after_secs(5).await;
    }
}

fn say(why: &str) {
    let _ = writeln!(Serial, "no Wi-Fi: {why}");
}

/// Stays with this one, until the owner changes it. Returns why it ended.
async fn join(radio: &mut WifiController<'static>, storage: Storage, ssid: &str, password: &str) -> &'static str {
    let station = match station(ssid, password) {
        Ok(station) => station,
        Err(why) => return why,
    };
    if radio.set_config(&Config::Station(station)).is_err() {
        return REJECTED;
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

/// Writes what has worked into the flash, so that an update need not know it. What the owner has set there stays.
async fn remember(memory: &Memory, ssid: &str, password: &str) -> Result<(), ConfigError> {
    let mut items = ConfigItems::read(memory.store()).await?;
    if items.text("ssid").is_some() || !memory.has_booted().await {
        return Ok(());
    }
    items.set("ssid", ssid.as_bytes())?;
    items.set("password", password.as_bytes())?;
    // no session is to make room for it
    items.write(memory.store(), Time::ZERO).await
}

fn station(ssid: &str, password: &str) -> Result<StationConfig, &'static str> {
    is_name(ssid)?;
    let station = StationConfig::default().with_ssid(ssid.try_into().map_err(|_| REJECTED)?);
    if password.is_empty() {
        return Ok(station.with_authentication(AuthenticationMethodConfig::Open));
    }
    is_password(password)?;
    let password = password.try_into().map_err(|_| REJECTED)?;
    Ok(station.with_authentication(AuthenticationMethodConfig::Wpa2Personal(password)))
}

/// The driver's checks are not all ours.
const REJECTED: &str = "the radio rejects the name or the password";
