//! Configuration items, in the flash of the sessions.

use core::fmt;

use embedded_storage_async::nor_flash::NorFlash;
use session_core::environment::Time;
use session_store_flash::{FlashError, FlashStore};

/// The number of the store's item in which all configuration items are. The application has the other three.
pub const CONFIG_ITEM: usize = 3;

/// The first byte: the format of the rest.
const FORMAT: u8 = 1;

/// Why a configuration item cannot be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ConfigError {
    /// The flash failed.
    Flash(FlashError),
    /// The items need more bytes than are available.
    TooLarge {
        /// The size of all items in bytes, with two bytes more for each and one more for all.
        need: usize,
        /// The size of the store's item in bytes.
        have: usize,
    },
    /// A key does not have 1 to 255 bytes, or a value has more than 255.
    Length,
    /// The store's item is not a list of configuration items of this version.
    Unreadable,
}

impl From<FlashError> for ConfigError {
    fn from(error: FlashError) -> Self {
        Self::Flash(error)
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(why) => why.fmt(f),
            Self::TooLarge { need, have } => write!(f, "the configuration needs {need} bytes, at most {have} fit"),
            Self::Length => f.write_str("a key has 1 to 255 bytes, and a value at most 255"),
            Self::Unreadable => {
                f.write_str("the configuration in the flash is of another version, or no configuration")
            }
        }
    }
}

impl core::error::Error for ConfigError {}

/// What a device has to know before its network is up, such as Wi-Fi credentials or a static address: short keys with a
/// value of at most 255 bytes each. All items together have at most `BYTES` bytes, with two more for each item and one
/// more for all, where `BYTES` is that of the [`FlashStore`].
///
/// [`read`](Self::read) needs the flash and nothing else, so it works before there is a network, a clock or a random
/// number. It copies all items into RAM. [`set`](Self::set) and [`remove`](Self::remove) change them there, and
/// [`write`](Self::write) puts all of them into the flash as one item of the store, number [`CONFIG_ITEM`].
///
/// - **Power loss.** After power loss during a write the flash contains all items as before or all as after it, so a
///   password is never stored with the name of another network. A write that returned is permanent.
/// - **Cancel.** If the future of a write is dropped, the same holds. The next operation finds out which it was.
/// - **Full store.** No session takes the place of an item. The size of the flash includes it ([`FlashStore`] counts
///   four items), and it needs no partition.
/// - **Corruption.** If the entry in the flash is corrupt, an earlier one counts, or none: a program must start without
///   any item.
/// - **Secrecy.** `Debug` prints keys and lengths, and no value. The flash is not encrypted. A value that was changed or
///   removed stays in the flash until its page is erased.
///
/// A device decides by an empty flash whether it boots for the first time. Write items after that decision.
///
/// ```
/// use embedded_storage_async::nor_flash::NorFlash;
/// use session_core::environment::Time;
/// use session_device::{ConfigError, ConfigItems, block_on};
/// use session_store_flash::FlashStore;
///
/// /// Call it when the owner has chosen a network, then restart.
/// fn join<F: NorFlash>(store: &FlashStore<F, 16, 256>, ssid: &str, password: &str, now: Time) -> Result<(), ConfigError> {
///     let mut items = block_on(ConfigItems::read(store))?;
///     items.set("ssid", ssid.as_bytes())?;
///     items.set("password", password.as_bytes())?;
///     block_on(items.write(store, now))
/// }
///
/// /// Call it at boot.
/// fn network<'c>(items: &'c ConfigItems<256>) -> Option<(&'c str, &'c str)> {
///     items.text("ssid").zip(items.text("password"))
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ConfigItems<const BYTES: usize> {
    /// Format, then for each item: bytes of its key, bytes of its value, key, value. Zeros follow.
    bytes: [u8; BYTES],
    len: usize,
}

impl<const BYTES: usize> ConfigItems<BYTES> {
    /// Creates a list without items.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(BYTES > 0, "a store without room has no configuration") }
        let mut bytes = [0; BYTES];
        if let Some(first) = bytes.first_mut() {
            *first = FORMAT;
        }
        Self { bytes, len: 1 }
    }

    /// Reads all items. There are none if none was ever written.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`] if the application, or another version of this crate, has written another item of
    /// this number, and errors of the flash.
    pub async fn read<F: NorFlash, const SESSIONS: usize>(
        store: &FlashStore<F, SESSIONS, BYTES>,
    ) -> Result<Self, ConfigError> {
        let mut items = Self::new();
        // a corrupt entry is none, and has left its bytes in these items
        let Some(found) = store.read_item(CONFIG_ITEM, &mut items.bytes).await? else { return Ok(Self::new()) };
        let whole = found.first() == Some(&FORMAT) && Entries(found.get(1..).unwrap_or_default()).are_whole();
        items.len = found.len();
        if whole { Ok(items) } else { Err(ConfigError::Unreadable) }
    }

    /// Writes all items. See above for power loss and cancel. It replaces what another task has written since these
    /// items were read.
    ///
    /// # Errors
    /// Those of the flash. The items were written or not, and the next operation on the store finds out which.
    pub async fn write<F: NorFlash, const SESSIONS: usize>(
        &self,
        store: &FlashStore<F, SESSIONS, BYTES>,
        now: Time,
    ) -> Result<(), ConfigError> {
        let bytes = self.bytes.get(..self.len).unwrap_or_default();
        Ok(store.write_item(CONFIG_ITEM, bytes, now).await?)
    }

    /// Returns a value, or `None` if there is no item of this key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.entries().find(|(there, _)| *there == key.as_bytes()).map(|(_, value)| value)
    }

    /// Returns a value that is text. Returns `None` if it is not UTF-8, as if there were no item.
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(|value| str::from_utf8(value).ok())
    }

    /// Sets a value in RAM, in the place of the one that was there. On error nothing changes.
    ///
    /// # Errors
    /// [`ConfigError::Length`] and [`ConfigError::TooLarge`].
    pub fn set(&mut self, key: &str, value: &[u8]) -> Result<(), ConfigError> {
        let (Ok(key_len @ 1..), Ok(value_len)) = (u8::try_from(key.len()), u8::try_from(value.len())) else {
            return Err(ConfigError::Length);
        };
        let mut new = self.clone();
        new.remove(key);
        let need = new.len + 2 + key.len() + value.len();
        let Some(place) = new.bytes.get_mut(new.len..need) else {
            return Err(ConfigError::TooLarge { need, have: BYTES });
        };
        let fields = [&[key_len, value_len][..], key.as_bytes(), value];
        place.iter_mut().zip(fields.into_iter().flatten()).for_each(|(place, byte)| *place = *byte);
        new.len = need;
        *self = new;
        Ok(())
    }

    /// Removes an item in RAM. Does nothing if there is no item of this key.
    pub fn remove(&mut self, key: &str) {
        let mut rest = Self::new();
        for (there, value) in self.entries().filter(|(there, _)| *there != key.as_bytes()) {
            let fields = [&[there.len() as u8, value.len() as u8][..], there, value];
            let places = rest.bytes.iter_mut().skip(rest.len);
            places.zip(fields.into_iter().flatten()).for_each(|(place, byte)| *place = *byte);
            rest.len += 2 + there.len() + value.len();
        }
        *self = rest;
    }

    fn entries(&self) -> Entries<'_> {
        Entries(self.bytes.get(1..self.len).unwrap_or_default())
    }
}

impl<const BYTES: usize> Default for ConfigItems<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const BYTES: usize> fmt::Debug for ConfigItems<BYTES> {
    /// Prints keys and the lengths of values, because a value may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lengths = self.entries().map(|(key, value)| (str::from_utf8(key).unwrap_or("?"), value.len()));
        f.debug_map().entries(lengths).finish()
    }
}

/// Keys and values, up to the last complete one.
struct Entries<'b>(&'b [u8]);

impl Entries<'_> {
    fn are_whole(mut self) -> bool {
        while self.next().is_some() {}
        self.0.is_empty()
    }
}

impl<'b> Iterator for Entries<'b> {
    type Item = (&'b [u8], &'b [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let ([key, value], rest) = self.0.split_first_chunk::<2>()?;
        let (key, rest) = rest.split_at_checked(usize::from(*key)).filter(|(key, _)| !key.is_empty())?;
        let (value, rest) = rest.split_at_checked(usize::from(*value))?;
        self.0 = rest;
        Some((key, value))
    }
}
