//! A tokenizer for Rust, sufficient for paths: names and signs, without comments and literals.

/// One word or sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or keyword; `$crate` is `crate`.
    Name(String),
    /// `::`
    Path,
    /// Any other sign.
    Mark(char),
}

/// The tokens of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            comment(rest)
        } else if let Some(len) = literal(rest) {
            len
        } else if first == '_' || first.is_alphabetic() {
            let end = rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len());
            tokens.push(Token::Name(rest[..end].into()));
            end
        } else if first.is_numeric() {
            rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            tokens.push(Token::Path);
            2
        } else {
            if first != '$' && !first.is_whitespace() {
                tokens.push(Token::Mark(first));
            }
            first.len_utf8()
        };
        rest = &rest[skip..];
    }
    tokens
}

/// The length of a comment, and those within it.
fn comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        match () {
            () if rest.starts_with("/*") => (depth, at) = (depth + 1, at + 2),
            () if rest.starts_with("*/") => (depth, at) = (depth - 1, at + 2),
            () => at += rest.chars().next().map_or(1, char::len_utf8),
        }
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// The length of the text, character or lifetime that begins here.
fn literal(text: &str) -> Option<usize> {
    let after = text.trim_start_matches(['b', 'c', 'r']);
    let prefix = text.len() - after.len();
    let raw = text[..prefix].ends_with('r');
    if raw && after.starts_with(['"', '#']) {
        let end = format!("\"{}", "#".repeat(after.len() - after.trim_start_matches('#').len()));
        let begin = after.find('"')? + 1;
        return Some(prefix + begin + after[begin..].find(&end).map_or(after.len() - begin, |at| at + end.len()));
    }
    let quote = after.chars().next().filter(|c| prefix <= 1 && ['"', '\''].contains(c))?;
    let mut escaped = false;
    let end = after.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == quote && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    let end = end.map_or(after.len(), |(at, _)| at + 1);
    // a lifetime: no second quote after one character or an escape
    let is_character = quote == '"' || after[1..].starts_with('\\') || after.chars().nth(2) == Some('\'');
    Some(prefix + if is_character { end } else { 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_marks_without_comments_and_literals() {
        let text = r####"a::b /* x /* y */ z */ "c::\"d" r#"e"f"# b"g" 'h' '\'' '"' &'life i // j
            $crate::k r"l" 0x1f_u8 b'm' bar"####;
        let names: Vec<String> = tokens(text)
            .into_iter()
            .map(|token| match token {
                Token::Name(name) => name,
                Token::Path => "::".into(),
                Token::Mark(mark) => mark.into(),
            })
            .collect();
        assert_eq!(names.join(" "), "a :: b & life i crate :: k bar");
    }
}
