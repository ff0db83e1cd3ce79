//! An authority of our own, and what it has signed.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::{env, fs};

use tempfile::TempDir;

/// A directory with `authority.pem`; `server.pem` and `server.key` for `localhost` and 127.0.0.1; `client.pem` and
/// `client.key`; `stranger.pem`, an authority that has signed none of them.
pub struct Certificates(TempDir);

impl Certificates {
    /// Makes them.
    ///
    /// # Panics
    /// If openssl cannot.
    #[must_use]
    pub fn new() -> Self {
        let dir = super::process::directory();
        let write = |name: &str, text: &str| {
            let written = fs::write(dir.path().join(name), text);
            written.unwrap_or_else(|why| panic!("{name} in {}: {why}", dir.path().display()));
        };
        let openssl = |line: &str| {
            let made = Command::new("openssl").args(line.split(' ')).current_dir(dir.path()).output();
            let made = made.expect("openssl is there: `cargo xtask setup` installs it");
            assert!(made.status.success(), "{line}: {}", String::from_utf8_lossy(&made.stderr));
        };
        let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        for authority in ["authority", "stranger"] {
            openssl(&format!(
                "req -x509 {key} -keyout {authority}.key -out {authority}.pem -subj /CN={authority} -days 2"
            ));
        }
        write("server.ext", "subjectAltName=DNS:localhost,IP:127.0.0.1\nbasicConstraints=critical,CA:FALSE\n");
        write("client.ext", "extendedKeyUsage=clientAuth\nbasicConstraints=critical,CA:FALSE\n");
        for name in ["server", "client"] {
            openssl(&format!("req -new {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"));
            let authority = "-CA authority.pem -CAkey authority.key -CAcreateserial -days 2";
            openssl(&format!("x509 -req -in {name}.csr {authority} -out {name}.pem -extfile {name}.ext"));
        }
        // servers read them as other users than root
        let everybody = |mode| fs::Permissions::from_mode(mode);
        let opened = fs::set_permissions(dir.path(), everybody(0o755))
            .and_then(|()| fs::set_permissions(dir.path().join("server.key"), everybody(0o644)));
        opened.unwrap_or_else(|why| panic!("{}: {why}", dir.path().display()));
        Self(dir)
    }

    /// Returns the path of a file.
    #[must_use]
    pub fn file(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Returns the parameters of a store URL that name the authority.
    #[must_use]
    pub fn trusted(&self) -> String {
        format!("sslrootcert={}", self.file("authority.pem"))
    }

    /// Returns the parameters of a store URL that name the authority, and the client's certificate.
    #[must_use]
    pub fn both(&self) -> String {
        format!("{}&sslcert={}&sslkey={}", self.trusted(), self.file("client.pem"), self.file("client.key"))
    }

    /// Runs a test of this binary again in a process whose system trusts the authority, with a store's URL in the variable
    /// `name`.
    ///
    /// # Panics
    /// If the test fails there.
    pub fn trusted_by_the_system(&self, test: &str, name: &str, url: String) {
        let mut again = Command::new(env::current_exe().expect("the test"));
        again.args(["--exact", test]).envs([(name, url), ("SSL_CERT_FILE", self.file("authority.pem"))]);
        let ran = again.output().expect("the test runs");
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    }

    /// Opens stores with parameters that name wrong files. `open` returns the error. `keys` are files that are not the key
    /// of the client's certificate, each with a part of its error.
    ///
    /// # Panics
    /// If an error says something else.
    pub fn refuses_wrong_files(open: impl Fn(&str) -> String, keys: &[(&str, &str)]) {
        let certificates = Self::new();
        let (key, certificate) = (certificates.file("client.key"), certificates.file("client.pem"));
        let wrong = [
            ("sslrootcert=/nowhere.pem".to_owned(), "/nowhere.pem: No such file"),
            (format!("sslrootcert={key}"), "no certificate in PEM"),
            (format!("sslcert={certificate}"), "set sslcert= and sslkey= together"),
            (format!("sslcert={key}&sslkey={key}"), "no certificate in PEM"),
        ];
        let of_key = |name| format!("sslcert={certificate}&sslkey={}", certificates.file(name));
        for (parameters, sentence) in wrong.into_iter().chain(keys.iter().map(|(name, why)| (of_key(name), *why))) {
            let why = open(&parameters);
            assert!(why.contains(sentence) && !why.contains('\n'), "{parameters}: {why}");
        }
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}
