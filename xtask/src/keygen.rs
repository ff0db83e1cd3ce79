//! `keygen`: a signing key for a deployment.

/// A fresh key of the operating system's random numbers, in the 64 hexadecimal digits that `keys::from_env` and the
/// reference apps' `--key` read.
pub(crate) fn key() -> Result<String, String> {
    let mut key = [0_u8; 32];
    getrandom::fill(&mut key).map_err(|why| format!("no random numbers from the operating system: {why}"))?;
    Ok(key.iter().map(|byte| format!("{byte:02x}")).collect())
}
