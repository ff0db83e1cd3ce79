//! Detects requests that another site caused: a defence against CSRF that needs no token and stores nothing.
//!
//! Browsers state where a request comes from in two headers that no page can change: `Sec-Fetch-Site`, sent over https
//! and to localhost, and `Origin`. A request without both does not come from a browser, or comes from one older than
//! 2020, and passes. A program that must protect such browsers needs [tokens](crate::csrf) as well.
//!
//! ```
//! use session_core::cross_site::Sent;
//!
//! let form = Sent { method: "POST", fetch_site: Some(b"cross-site"), origin: None, host: None, upgrades: false };
//! assert!(form.is_cross_site([]));
//! ```

/// The parts of a request that show its origin. Header values are the received bytes, or `None` if the request has no
/// such header.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent<'r> {
    /// The method, in upper case.
    pub method: &'r str,
    /// The value of `Sec-Fetch-Site`.
    pub fetch_site: Option<&'r [u8]>,
    /// The value of `Origin`.
    pub origin: Option<&'r [u8]>,
    /// The value of `Host`, or the authority of an HTTP/2 request.
    pub host: Option<&'r [u8]>,
    /// Whether the request has an `Upgrade` header. A WebSocket begins with a `GET` but can change things.
    pub upgrades: bool,
}

impl Sent<'_> {
    /// Returns whether the request could change something and was caused by another origin that is not in `trusted`.
    ///
    /// Write trusted origins as browsers do: `https://example.org`, with a port unless it is the scheme's default.
    /// Another host of the same site is another origin. A proxy that changes `Host` hides the origin of browsers on
    /// plain http: add that origin to `trusted`.
    #[must_use]
    pub fn is_cross_site<'t>(&self, trusted: impl IntoIterator<Item = &'t str>) -> bool {
        if matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "TRACE") && !self.upgrades {
            return false;
        }
        let same = match (self.fetch_site, self.origin) {
            (Some(site), _) => matches!(site, b"same-origin" | b"none"),
            (None, None) => true,
            (None, Some(origin)) => self.host.is_some_and(|host| {
                let rest = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
                rest.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
            }),
        };
        !same && !trusted.into_iter().any(|trusted| self.origin.is_some_and(|origin| origin == trusted.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &str, site: &str, origin: &str, host: &str) -> bool {
        let some = |text: &str| (!text.is_empty()).then(|| std::string::String::from(text).leak().as_bytes());
        let (method, upgrades) = method.strip_prefix("upgrading ").map_or((method, false), |method| (method, true));
        let sent = Sent { method, fetch_site: some(site), origin: some(origin), host: some(host), upgrades };
        sent.is_cross_site(["https://partner.example"])
    }

    #[test]
    fn what_other_sites_cause_is_refused_tr4() {
        for (site, origin, host, cross) in [
            ("same-origin", "https://a.example", "a.example", false),
            ("none", "", "a.example", false),
            ("cross-site", "https://evil.example", "a.example", true),
            // another host of the site may belong to another party
            ("same-site", "https://b.a.example", "a.example", true),
            ("cross-site", "null", "a.example", true),
            ("cross-site", "", "a.example", true),
            ("something new", "https://a.example", "a.example", true),
            // plain http: there is no Sec-Fetch-Site
            ("", "http://192.168.1.7", "192.168.1.7", false),
            ("", "http://192.168.1.7:8080", "192.168.1.7:8080", false),
            ("", "http://A.example", "a.EXAMPLE", false),
            ("", "http://192.168.1.7:8081", "192.168.1.7:8080", true),
            ("", "http://evil.example", "192.168.1.7", true),
            ("", "null", "a.example", true),
            ("", "a.example", "a.example", true),
            ("", "http://a.example", "", true),
            // neither: not a current browser
            ("", "", "a.example", false),
            ("", "", "", false),
            // trusted
            ("cross-site", "https://partner.example", "a.example", false),
            ("", "https://partner.example", "a.example", false),
            ("cross-site", "https://partner.example.evil", "a.example", true),
        ] {
            for method in ["POST", "PUT", "PATCH", "DELETE", "post", "ANYTHING", "upgrading GET"] {
                assert_eq!(refused(method, site, origin, host), cross, "{method} {site} {origin} {host}");
            }
            for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
                assert!(!refused(method, site, origin, host), "{method} changes nothing");
            }
        }
    }
}
