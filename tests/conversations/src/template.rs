//! Text with variables: `$name`, `${name}`, `$name[2..9]` (characters 2 to 8), `$name~5` (character 5 replaced by the next
//! of the base64url alphabet), `\xHH`, `\n`, `\t`, `\\`, `\"`, `\$`.

use std::collections::HashMap;

/// Variables by name.
pub(crate) type Variables = HashMap<String, String>;

/// The bytes that `text` stands for.
pub(crate) fn expand(text: &str, variables: &Variables) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match first {
            '\\' => rest = escape(&rest[1..], &mut bytes)?,
            '$' => rest = variable(&rest[1..], variables, &mut bytes)?,
            other => {
                bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[other.len_utf8()..];
            }
        }
    }
    Ok(bytes)
}

/// The same where only text makes sense.
pub(crate) fn expand_text(text: &str, variables: &Variables) -> Result<String, String> {
    String::from_utf8(expand(text, variables)?).map_err(|_| format!("{text:?} is not text"))
}

fn escape<'t>(rest: &'t str, bytes: &mut Vec<u8>) -> Result<&'t str, String> {
    let unknown = || format!("unknown escape \\{rest}");
    let (byte, taken) = match rest.chars().next() {
        Some('n') => (b'\n', 1),
        Some('t') => (b'\t', 1),
        Some(c @ ('\\' | '"' | '$')) => (c as u8, 1),
        Some('x') => (rest.get(1..3).and_then(|hex| u8::from_str_radix(hex, 16).ok()).ok_or_else(unknown)?, 3),
        _ => return Err(unknown()),
    };
    bytes.push(byte);
    Ok(&rest[taken..])
}

fn variable<'t>(rest: &'t str, variables: &Variables, bytes: &mut Vec<u8>) -> Result<&'t str, String> {
    let (name, mut rest) = match rest.strip_prefix('{') {
        Some(braced) => braced.split_once('}').ok_or("a ${ without its }")?,
        None => rest.split_at(rest.find(|c: char| !is_name(c)).unwrap_or(rest.len())),
    };
    let mut value = variables.get(name).ok_or_else(|| format!("${name} is not known here"))?.clone();
    if let Some((range, after)) = rest.strip_prefix('[').and_then(|range| range.split_once(']')) {
        let (from, to) = range.split_once("..").ok_or_else(|| format!("[{range}] is no range"))?;
        let number = |text: &str, default| if text.is_empty() { Ok(default) } else { text.parse::<usize>() };
        let wrong = |_| format!("[{range}] is no range");
        let (from, to) = (number(from, 0).map_err(wrong)?, number(to, value.len()).map_err(wrong)?);
        value = value.get(from..to).ok_or_else(|| format!("${name} has only {} characters", value.len()))?.into();
        rest = after;
    }
    if let Some(after) = rest.strip_prefix('~') {
        let (at, after) = after.split_at(after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len()));
        value = successor(&value, at).ok_or_else(|| format!("${name} has no character ~{at}"))?;
        rest = after;
    }
    bytes.extend_from_slice(value.as_bytes());
    Ok(rest)
}

/// `value` with one character replaced by its successor, which differs in the lowest bit at least.
fn successor(value: &str, at: &str) -> Option<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = value.as_bytes().to_vec();
    let place = bytes.get_mut(at.parse::<usize>().ok()?)?;
    let index = ALPHABET.iter().position(|c| c == place)?;
    *place = ALPHABET[(index + 1) % 64];
    String::from_utf8(bytes).ok()
}

/// Whether a name of a browser or variable may contain this character.
pub(crate) fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_slices_and_escapes() {
        let variables = Variables::from([("a".into(), "ABCD".into()), ("b".into(), "wxy_".into())]);
        let text = |text| expand(text, &variables).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert_eq!(text("id=$a; x=${b}z").unwrap(), "id=ABCD; x=wxy_z");
        assert_eq!(text("$a[..2]$b[2..]").unwrap(), "ABy_");
        assert_eq!(text("$a~0 $b~3 $b[1..3]~0").unwrap(), "BBCD wxyA yy");
        assert_eq!(text(r"\$a\x41\t\\").unwrap(), "$aA\t\\");
        assert_eq!(expand(r"\xff", &variables).unwrap(), [255]);
        for wrong in ["$c", "${a", "$a[2]", "$a[..9]", "$a~4", r"\q", r"\x4"] {
            assert!(text(wrong).is_err(), "{wrong}");
        }
    }
}
