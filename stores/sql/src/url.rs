//! Which database a URL means.

use session_store_shared::UrlError;

use crate::connection::{Server, bad};

/// Reads a URL, and the prefix of the tables in it.
pub(crate) fn server(url: &str) -> Result<(Box<dyn Server>, String), UrlError> {
    let mut prefix = String::new();
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let others = parameters.split('&').filter(|parameter| match parameter.strip_prefix("table_prefix=") {
        Some(given) => {
            given.clone_into(&mut prefix);
            false
        }
        None => !parameter.is_empty(),
    });
    let others: Vec<&str> = others.collect();
    let mark = if others.is_empty() { "" } else { "?" };
    let url = format!("{address}{mark}{}", others.join("&"));
    check_prefix(&prefix)?;
    let server = match url.split_once(':') {
        #[cfg(feature = "postgres")]
        Some(("postgres" | "postgresql", _)) => crate::postgres::of_url(&url),
        #[cfg(feature = "mysql")]
        Some(("mysql" | "mariadb", _)) => crate::mysql::of_url(&url),
        #[cfg(feature = "sqlite")]
        Some(("sqlite", _)) => crate::sqlite::of_url(&url),
        #[cfg(not(feature = "postgres"))]
        Some(("postgres" | "postgresql", _)) => Err(absent("postgres")),
        #[cfg(not(feature = "mysql"))]
        Some(("mysql" | "mariadb", _)) => Err(absent("mysql")),
        #[cfg(not(feature = "sqlite"))]
        Some(("sqlite", _)) => Err(absent("sqlite")),
        _ => Err(bad("unknown kind of database")),
    };
    Ok((server?, prefix))
}

#[cfg(not(all(feature = "postgres", feature = "mysql", feature = "sqlite")))]
fn absent(feature: &str) -> UrlError {
    bad(&format!("this program was built without the feature `{feature}` of session-store-sql"))
}

/// A prefix becomes part of the SQL, so it must be a plain name.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), UrlError> {
    let name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let starts = prefix.bytes().next().is_none_or(|byte| !byte.is_ascii_digit());
    // our longest name is that of an index, and PostgreSQL truncates names after 63 bytes
    if starts && prefix.len() <= 32 && prefix.bytes().all(name) {
        return Ok(());
    }
    Err(UrlError::new("invalid table prefix: use at most 32 of a-z, 0-9 and _, and do not begin with a digit"))
}
