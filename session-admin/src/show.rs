//! `show`: a session's values, of whatever types they are.
//!
//! Servers keep values in CBOR, which shows names, numbers and texts without the program that wrote them. Texts are
//! people's data, so that only their lengths are shown unless they are asked for. Names of fields are texts, too: a key of a
//! map is shown if it could be a field's name, and so is a key of the session, which may have been one of a map.

use std::fmt;

use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use session_core::codec::Cbor;

use crate::application::Application;
use crate::failure::Failure;
use crate::listing::list;
use crate::output::readable;

/// A session and its values.
#[derive(Serialize)]
pub(crate) struct Shown {
    id: String,
    values: Map<String, Value>,
}

impl Shown {
    /// The values for people, a line each.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("{}\n", self.id);
        for (key, value) in &self.values {
            text += &readable(&format!("  {key}: {value}"));
            text.push('\n');
        }
        text
    }
}

/// The values of a subject's sessions, or of the one that a list named `id`.
pub(crate) async fn show(
    application: &Application,
    subject: &str,
    id: Option<&str>,
    plain: bool,
) -> Result<Vec<Shown>, Failure> {
    let mut all = Vec::new();
    let rows = list(application, Some(subject)).await?;
    for row in rows.into_iter().filter(|row| id.is_none_or(|id| id == row.id)) {
        let values = application.sessions.values(subject, &row.id).await.map_err(|why| application.failed(why))?;
        if let Some(values) = values {
            let mut line = Map::new();
            for (key, bytes) in values {
                insert(&mut line, shown_key(key, plain), shown(&bytes, plain));
            }
            all.push(Shown { id: row.id, values: line });
        } else if list(application, Some(subject)).await?.iter().any(|there| there.id == row.id) {
            // its head can be read, and its data cannot
            let why = if application.at_rest {
                "this key does not open it: use the key that sealed it, or omit --sealed-at-rest if the data is not sealed"
            } else {
                "it is corrupt, or sealed at rest: use --sealed-at-rest and the application's key"
            };
            return Err(Failure::Failed(format!("the data of session {} of {subject} cannot be read: {why}", row.id)));
        }
    }
    match id {
        Some(id) if all.is_empty() => Err(Failure::Failed(format!("{subject} has no session {id}"))),
        _ => Ok(all),
    }
}

/// A value as JSON. One that is no value is said to be none.
fn shown(bytes: &[u8], plain: bool) -> Value {
    Cbor::read_seed(bytes, Show { plain, key: false }).unwrap_or_else(|why| format!("<unreadable: {why}>").into())
}

/// A key of the session, if an application could have chosen it: of `SessionData` if it could be the name of a field, of the
/// application's own also with dots.
fn shown_key(key: String, plain: bool) -> String {
    let (place, name, what) = match key.strip_prefix("data.") {
        Some(name) => ("data.", name.to_owned(), "name"),
        None => ("", key.replace('.', "_"), "key"),
    };
    if plain || is_name(&name) { key } else { format!("{place}<{what} of {} characters>", name.chars().count()) }
}

/// Two keys stay two, also where they are not shown.
fn insert(map: &mut Map<String, Value>, key: String, value: Value) {
    let mut place = key.clone();
    for number in 2.. {
        if !map.contains_key(&place) {
            break;
        }
        place = format!("{key} ({number})");
    }
    map.insert(place, value);
}

/// Whether a text could be the name of a field.
fn is_name(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    text.len() <= 64 && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.bytes().all(word)
}

/// Reads whatever there is.
#[derive(Clone, Copy)]
struct Show {
    /// Texts and bytes as they are.
    plain: bool,
    /// It is the key of a map.
    key: bool,
}

impl Show {
    const fn inside(self) -> Self {
        Self { key: false, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Show {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Show {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    /// JSON's readers do not agree on numbers beyond 64 bits.
    fn visit_u128<E: Error>(self, number: u128) -> Result<Value, E> {
        Ok(number.to_string().into())
    }

    fn visit_i128<E: Error>(self, number: i128) -> Result<Value, E> {
        Ok(number.to_string().into())
    }

    /// JSON has neither infinities nor NaN.
    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(if number.is_finite() { number.into() } else { number.to_string().into() })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        let shown = self.plain || self.key && is_name(text);
        Ok(if shown { text.into() } else { format!("<text of {} characters>", text.chars().count()).into() })
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut shown = Vec::new();
        while let Some(value) = list.next_element_seed(self.inside())? {
            shown.push(value);
        }
        // a token or a key may be kept as a list of bytes
        let bytes = !shown.is_empty() && shown.iter().all(|value| value.as_u64().is_some_and(|number| number < 256));
        Ok(if bytes && !self.plain { format!("<{} bytes>", shown.len()).into() } else { shown.into() })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut shown = Map::new();
        while let Some(key) = map.next_key_seed(Self { key: true, ..self })? {
            let key = if let Value::String(text) = key { text } else { key.to_string() };
            insert(&mut shown, key, map.next_value_seed(self.inside())?);
        }
        Ok(shown.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use session_core::codec::Codec;
    use std::collections::BTreeMap;

    fn show<T: Serialize>(value: &T, plain: bool) -> String {
        let mut bytes = vec![0; Cbor::write(value, &mut []).unwrap()];
        Cbor::write(value, &mut bytes).unwrap();
        shown(&bytes, plain).to_string()
    }

    #[derive(Serialize)]
    struct Everything {
        count: u32,
        below: i8,
        wide: u128,
        ratio: f64,
        none: Option<u8>,
        nested: Option<Option<u8>>,
        name: &'static str,
        list: Vec<&'static str>,
        kind: Kind,
        emails: BTreeMap<&'static str, bool>,
        numbers: BTreeMap<(u8, &'static str), u8>,
    }

    #[derive(Serialize)]
    enum Kind {
        Card { number: &'static str },
    }

    const ALL: Everything = Everything {
        count: 7,
        below: -7,
        wide: u128::MAX,
        ratio: f64::INFINITY,
        none: None,
        nested: Some(None),
        name: "hush ann",
        list: Vec::new(),
        kind: Kind::Card { number: "hush 4111" },
        emails: BTreeMap::new(),
        numbers: BTreeMap::new(),
    };

    fn everything() -> Everything {
        Everything {
            list: vec!["hush", "größe"],
            emails: [("hush@example", true), ("hush@example.org", false), ("hush@elsewhere", true)].into(),
            numbers: [((1, "hush"), 2)].into(),
            ..ALL
        }
    }

    #[test]
    fn texts_are_shown_only_if_asked_for() {
        let masked = show(&everything(), false);
        assert_eq!(
            masked,
            concat!(
                r#"{"below":-7,"count":7,"emails":{"<text of 12 characters>":true,"<text of 14 characters>":true,"#,
                r#""<text of 16 characters>":false},"kind":{"Card":{"number":"<text of 9 characters>"}},"#,
                r#""list":["<text of 4 characters>","<text of 5 characters>"],"name":"<text of 8 characters>","#,
                r#""nested":null,"none":null,"numbers":{"[1,\"<text of 4 characters>\"]":2},"#,
                r#""ratio":"inf","wide":"340282366920938463463374607431768211455"}"#
            )
        );
        assert!(!masked.contains("hush"));
        let plain = show(&everything(), true);
        for text in [r#""name":"hush ann""#, r#""hush@example":true"#, r#""number":"hush 4111""#, "größe"] {
            assert!(plain.contains(text), "{plain}");
        }
    }

    #[test]
    fn masked_keys_stay_apart() {
        let map: BTreeMap<&str, u8> = [("a@x", 1), ("b@x", 2), ("c@x", 3)].into();
        let shown = show(&map, false);
        assert_eq!(
            shown,
            r#"{"<text of 3 characters>":1,"<text of 3 characters> (2)":2,"<text of 3 characters> (3)":3}"#
        );
    }

    #[test]
    fn what_is_no_value_is_said_to_be_none() {
        assert_eq!(shown(&[0xff], true), "<unreadable: the bytes are in another format>");
        assert_eq!(shown(&[0x82, 1], true), "<unreadable: the bytes are truncated>");
    }
}
