//! The fields of a form (application/x-www-form-urlencoded, WHATWG URL 5.1). Our own, because picoserve's reader stops
//! the program at `%ff` where overflow is checked, and takes bytes for letters that are not UTF-8.

use core::fmt;

use heapless::{String, Vec};
use picoserve::io::Read;
use picoserve::request::RequestBody;
use picoserve::response::StatusCode;

/// Bytes of a form at most.
const LONGEST: usize = 896;

/// Bytes of a field at most.
pub(crate) const LONGEST_FIELD: usize = 192;

/// What a field holds.
pub(crate) type Field = String<LONGEST_FIELD>;

/// A form as it was sent.
pub(crate) struct Form<'r>(&'r [u8]);

/// Why a form, or a field of it, cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadForm {
    TooLong,
    CutOff,
    Missing(&'static str),
    FieldTooLong { field: &'static str, most: usize },
    NotText(&'static str),
}

impl<'r> Form<'r> {
    pub(crate) async fn read<R: Read>(body: RequestBody<'r, R>) -> Result<Self, BadForm> {
        if body.content_length() > LONGEST {
            return Err(BadForm::TooLong);
        }
        body.read_all().await.map(|bytes| Self(bytes)).map_err(|_| BadForm::CutOff)
    }

    /// The first field of this name, if it takes no more bytes than `most`.
    pub(crate) fn field(&self, field: &'static str, most: usize) -> Result<Field, BadForm> {
        let mut pairs = self.0.split(|byte| *byte == b'&');
        let value = pairs.find_map(|pair| pair.strip_prefix(field.as_bytes())?.strip_prefix(b"="));
        let mut rest = value.ok_or(BadForm::Missing(field))?;
        let mut decoded = Vec::new();
        while let Some((first, after)) = rest.split_first() {
            let byte;
            (byte, rest) = match (first, after) {
                (b'+', _) => (b' ', after),
                (b'%', [high, low, after @ ..]) => (
                    hex(*high).zip(hex(*low)).map(|(high, low)| high << 4 | low).ok_or(BadForm::NotText(field))?,
                    after,
                ),
                (b'%', _) => return Err(BadForm::NotText(field)),
                (plain, _) => (*plain, after),
            };
            if decoded.len() == most || decoded.push(byte).is_err() {
                return Err(BadForm::FieldTooLong { field, most });
            }
        }
        String::from_utf8(decoded).map_err(|_| BadForm::NotText(field))
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| digit.try_into().ok())
}

impl BadForm {
    pub(crate) const fn status(self) -> StatusCode {
        if matches!(self, Self::TooLong) { StatusCode::PAYLOAD_TOO_LARGE } else { StatusCode::BAD_REQUEST }
    }
}

impl fmt::Display for BadForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "The form is too long: at most {LONGEST} bytes."),
            Self::CutOff => f.write_str("The form was cut off on its way. Send it again."),
            Self::Missing(field) => write!(f, "The form has no field {field}."),
            Self::FieldTooLong { field, most } => write!(f, "Too long: {field} takes at most {most} bytes."),
            Self::NotText(field) => write!(f, "The field {field} is not text in UTF-8."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_decoded_strictly() {
        let field = |form: &[u8]| Form(form).field("a", 8);
        let text = |text| Ok(String::try_from(text).unwrap());
        assert_eq!(field(b"b=1&a=x+%c3%A4%26&a=2"), text("x \u{e4}&"));
        assert_eq!(field(b"a="), text(""));
        assert_eq!(field(b"aa=1&b"), Err(BadForm::Missing("a")));
        for bad in ["a=%", "a=%4", "a=%4g", "a=%ff", "a=%c0%80", "a=%f8%88%80%80%80"] {
            assert_eq!(field(bad.as_bytes()), Err(BadForm::NotText("a")), "{bad}");
        }
        assert_eq!(field(b"a=123456789"), Err(BadForm::FieldTooLong { field: "a", most: 8 }));
    }
}
