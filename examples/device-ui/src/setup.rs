//! What a first boot asks for besides a password: that who sets the device up holds it.

use core::cell::Cell;
use core::fmt;

use rand_core::TryCryptoRng;
use subtle::ConstantTimeEq;

use crate::flash::CannotBoot;
use crate::form::{BadForm, Field};

/// How a first boot learns that who chooses the password holds the device.
pub enum Possession {
    /// By a code that only the device shows: on its serial line, its display, or a label.
    Code(SetupCode),
    /// By a button on the device; the function returns whether it was pressed within the last minute, say.
    Button(fn() -> bool),
    /// Not at all: the first who finds the device on the network owns it, a web page that its owner visits or a neighbour.
    /// For a device that has its password already, or that is set up over a cable.
    Nothing,
}

impl Possession {
    /// Whether it is shown. `code` is what a form says.
    pub(crate) fn is_shown(&self, code: impl FnOnce() -> Result<Field, BadForm>) -> Result<Shown, BadForm> {
        match self {
            Self::Code(known) => Ok(known.try_code(&code()?)),
            Self::Button(pressed) => Ok(if pressed() { Shown::Right } else { Shown::Wrong }),
            Self::Nothing => Ok(Shown::Right),
        }
    }

    /// The part of the page that asks for it.
    pub(crate) const fn field(&self) -> &'static str {
        match self {
            Self::Code(_) => {
                "<label for=setup-code>Setup code, 8 digits that the device shows</label><input id=setup-code name=code \
                 inputmode=numeric autocomplete=off maxlength=8 required>"
            }
            Self::Button(_) => "<p class=soft>Press the button on the device first.</p>",
            Self::Nothing => "",
        }
    }
}

/// Eight digits of this start of a device that has no password yet. They are shown where only who holds it can read them
/// (`Display`), and are kept nowhere.
pub struct SetupCode {
    digits: [u8; 8],
    tries: Cell<u8>,
}

/// Tries of one code, of 100 million. Others are for those who can restart the device, which draws another one.
const TRIES: u8 = 10;

/// What came of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Right,
    Wrong,
    /// No longer looked at.
    TooMany,
}

impl SetupCode {
    /// Draws a code.
    pub fn draw<R: TryCryptoRng>(rng: &mut R) -> Result<Self, CannotBoot> {
        let mut digits = [0; 8];
        for half in digits.chunks_mut(4) {
            let mut number = rng.try_next_u32().map_err(|_| CannotBoot::NoRandomness)?;
            for digit in half {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        Ok(Self { digits, tries: Cell::new(0) })
    }

    pub(crate) fn try_code(&self, code: &str) -> Shown {
        if self.tries.get() == TRIES {
            return Shown::TooMany;
        }
        self.tries.set(self.tries.get() + 1);
        if code.as_bytes().ct_eq(&self.digits).into() { Shown::Right } else { Shown::Wrong }
    }
}

impl fmt::Display for SetupCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(core::str::from_utf8(&self.digits).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use session_core::testing::ScriptedRng;

    use super::*;

    #[test]
    fn a_button_or_nothing_asks_for_no_code_dv2() {
        let no_code = || Err(BadForm::Missing("code"));
        for (possession, shown, asks) in [
            (Possession::Button(|| false), Ok(Shown::Wrong), "button"),
            (Possession::Button(|| true), Ok(Shown::Right), "button"),
            (Possession::Nothing, Ok(Shown::Right), ""),
            (
                Possession::Code(SetupCode::draw(&mut ScriptedRng::new(7)).unwrap()),
                no_code().map(|_: Field| Shown::Wrong),
                "code",
            ),
        ] {
            assert_eq!(possession.is_shown(no_code), shown);
            assert!(possession.field().contains(asks) && possession.field().is_empty() == asks.is_empty());
        }
    }

    #[test]
    fn a_code_is_tried_ten_times_at_most_dv2() {
        let mut rng = ScriptedRng::new(7);
        let (code, other) = (SetupCode::draw(&mut rng).unwrap(), SetupCode::draw(&mut rng).unwrap());
        let (code_is, other_is) = (heapless::format!(8; "{code}").unwrap(), heapless::format!(8; "{other}").unwrap());
        assert!(code_is != other_is && code_is.len() == 8 && code_is.bytes().all(|byte| byte.is_ascii_digit()));
        for _ in 0..4 {
            assert_eq!(code.try_code(&code_is), Shown::Right);
            assert_eq!(code.try_code(&other_is), Shown::Wrong);
        }
        assert_eq!((code.try_code(""), code.try_code(&code_is[..7])), (Shown::Wrong, Shown::Wrong));
        assert_eq!(code.try_code(&code_is), Shown::TooMany);
    }
}
