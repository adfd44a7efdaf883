//! The tasks that pages run, and the schemes that they begin with: this crate is a root of composition, beside the
//! runner, and names plugins here alone. Which schemes there are it asks the registry.

/// What scores series of sensors.
pub(crate) const ANOMALIES: &str = "anomaly-detection";

/// What pools images.
pub(crate) const POOLING: &str = "max-pooling";

/// What predicts a number.
pub(crate) const NUMBERS: &str = "linear-regression";

/// What predicts one of two classes.
pub(crate) const CLASSES: &str = "logistic-regression";

/// What tells the risk of devices, and goes on doing so.
pub(crate) const DEVICES: &str = "device-risk";

/// The data set of simulated devices.
pub(crate) const FLEET: &str = "fleet";

/// The scheme that forms have chosen: the quickest that encrypts, for tables of any length and images.
pub(crate) const USUAL_SCHEME: &str = "seal-ckks";

/// The scheme by which a model is trained that no row is scored for under encryption.
pub(crate) const IN_THE_CLEAR: &str = "plaintext";

/// What the editor of experiments begins with.
pub(crate) const EXAMPLE: &str = r#"[experiment]
name = "my-experiment"
question = "Which scheme is quickest for these data?"
caveats = "A first look: few repetitions."

[dataset]
use = "iris-virginica"

[task]
use = "logistic-regression"

[[scheme]]
use = "plaintext"

[[scheme]]
use = "seal-ckks"

[run]
repetitions = 2
warmup = 0
"#;
