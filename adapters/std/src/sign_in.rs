//! Redirects to a sign-in page, and back to the page that the visitor wanted.
//!
//! A layer with `sign_in_at("/sign-in")` sends a browser that requests a page for signed-in users to
//! `/sign-in?next=%2Forders%3Fpage%3D2`. After the login the application redirects to `next`. Check it with
//! [`local_path`] first, because an attacker can send a victim a link to `/sign-in` with any `next`.
//!
//! ```
//! use session_std::sign_in::local_path;
//!
//! assert_eq!(local_path("/orders?page=2"), Some("/orders?page=2"));
//! assert_eq!(local_path("//evil.example"), None);
//! let next = Some("https://evil.example");
//! assert_eq!(next.and_then(local_path).unwrap_or("/"), "/");
//! ```

use std::fmt::Write;

/// The parts of a request that say whether a browser navigates, and to where. Header values are unparsed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Visit<'r> {
    /// The method, in capital letters.
    pub method: &'r str,
    /// `Sec-Fetch-Mode`.
    pub fetch_mode: Option<&'r [u8]>,
    /// `Accept`.
    pub accept: Option<&'r [u8]>,
    /// Path and query of the request.
    pub wanted: &'r str,
}

impl<'r> Visit<'r> {
    /// Takes the parts from a request's head. `header` returns the first line of a header.
    #[must_use]
    pub fn new(method: &'r str, wanted: &'r str, header: impl Fn(&'static str) -> Option<&'r [u8]>) -> Self {
        Self { method, fetch_mode: header("sec-fetch-mode"), accept: header("accept"), wanted }
    }

    /// Whether a browser loads a page. Requests of scripts and programs get a 401.
    fn navigates(&self) -> bool {
        let html = |accept: &[u8]| accept.windows(9).any(|part| part.eq_ignore_ascii_case(b"text/html"));
        self.fetch_mode.map_or_else(|| self.accept.is_some_and(html), |mode| mode == b"navigate")
    }

    /// Returns the URL to redirect the visitor to, with the requested page in `next`, or `None` if the response is a
    /// 401. Only `GET` and `HEAD` requests have a page to return to.
    #[must_use]
    pub fn sign_in_at(&self, page: &str) -> Option<String> {
        if !self.navigates() {
            return None;
        }
        let mut location = page.to_owned();
        if matches!(self.method, "GET" | "HEAD") && local_path(self.wanted).is_some() {
            location.push(if page.contains('?') { '&' } else { '?' });
            location.push_str("next=");
            for byte in self.wanted.bytes() {
                match byte {
                    b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => location.push(byte.into()),
                    _ => _ = write!(location, "%{byte:02X}"),
                }
            }
        }
        Some(location)
    }
}

/// Returns `next` if it is a path of this host. It must begin with exactly one slash and contain no character that
/// browsers treat as a slash or drop. Any other value could lead to another site. Pass `next` as the framework has
/// decoded it.
#[must_use]
pub fn local_path(next: &str) -> Option<&str> {
    let visible = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (visible && next.starts_with('/') && !next.starts_with("//")).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Visit<'_> =
        Visit { method: "GET", fetch_mode: Some(b"navigate"), accept: None, wanted: "/orders?page=2" };

    #[test]
    fn a_browser_that_navigates_is_sent_with_what_it_wanted() {
        let sent = Some("/sign-in?next=%2Forders%3Fpage%3D2".to_owned());
        assert_eq!(GET.sign_in_at("/sign-in"), sent);
        let old = Visit { fetch_mode: None, accept: Some(b"application/xml,Text/HTML;q=0.9"), ..GET };
        assert_eq!(old.sign_in_at("/sign-in"), sent);
        assert_eq!(GET.sign_in_at("/in?by=mail").unwrap(), "/in?by=mail&next=%2Forders%3Fpage%3D2");
        // a form's target is not a page to return to
        assert_eq!(Visit { method: "POST", ..GET }.sign_in_at("/sign-in").unwrap(), "/sign-in");
        assert_eq!(Visit { wanted: "//evil.example", ..GET }.sign_in_at("/sign-in").unwrap(), "/sign-in");
    }

    #[test]
    fn scripts_and_programs_have_their_401() {
        let program = Visit { fetch_mode: None, ..GET };
        for visit in [
            Visit { fetch_mode: Some(b"cors"), accept: Some(b"text/html"), ..GET },
            Visit { fetch_mode: Some(b"same-origin"), ..GET },
            program,
            Visit { accept: Some(b"*/*"), ..program },
            Visit { accept: Some(b"application/json"), ..program },
        ] {
            assert_eq!(visit.sign_in_at("/sign-in"), None, "{visit:?}");
        }
    }

    #[test]
    fn another_site_is_no_local_path() {
        for path in ["/", "/a", "/a/b?c=//d#e"] {
            assert_eq!(local_path(path), Some(path));
        }
        for other in
            ["", "a", "//a", "/\\a", "\\/a", "https://a", "javascript:a", "/\t/a", "/ /a", "/\n/a", "/ä", " /a"]
        {
            assert_eq!(local_path(other), None, "{other:?}");
        }
    }
}
