//! `--store URL`.

use std::str::FromStr;

/// Which store the app runs on. An adapter that cannot serve one says so at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `memory:` or `memory:capacity=N`
    Memory {
        /// At most so many sessions.
        capacity: Option<usize>,
    },
    /// `fixed:`, the table without a heap
    Fixed,
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(url: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = url.split_once(':') else {
            return Err(format!("--store {url}: a store URL begins with its kind, for instance memory: or fixed:"));
        };
        match (scheme, rest) {
            ("memory", "") => Ok(Self::Memory { capacity: None }),
            ("memory", rest) => {
                let capacity = rest.strip_prefix("capacity=").and_then(|number| number.parse().ok());
                let why = || format!("--store {url}: expected memory: or memory:capacity=N, N at least 1");
                capacity.filter(|capacity| *capacity > 0).ok_or_else(why).map(|n| Self::Memory { capacity: Some(n) })
            }
            ("fixed", "") => Ok(Self::Fixed),
            _ => Err(format!("--store {scheme}: is not a store that this program can serve; use memory: or fixed:")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_urls() {
        assert_eq!("memory:".parse(), Ok(StoreUrl::Memory { capacity: None }));
        assert_eq!("memory:capacity=7".parse(), Ok(StoreUrl::Memory { capacity: Some(7) }));
        assert_eq!("fixed:".parse(), Ok(StoreUrl::Fixed));
        for bad in ["memory", "memory:7", "memory:capacity=0", "memory:capacity=x", "fixed:1", "redis://h", ""] {
            assert!(bad.parse::<StoreUrl>().is_err(), "{bad}");
        }
    }
}
