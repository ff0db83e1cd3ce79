//! What each form sends.

use serde::Deserialize;

/// The fields of all forms; what a form does not send is empty.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Fields {
    pub csrf: String,
    pub name: String,
    pub password: String,
    pub new: String,
    pub remember: Option<String>,
    pub text: String,
    pub id: u64,
    pub handle: String,
}
