//! Numbers in JSON that may not be finite.
//!
//! JSON has no NaN and no infinities, and serde_json writes `null` for them, which then reads as
//! no number at all. One AUC of a test part with one class would make a whole file of records
//! unreadable. Here they are written as the strings `"NaN"`, `"inf"` and `"-inf"`; `null` is
//! read as NaN.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number for JSON.
#[derive(Clone, Copy)]
struct Number(f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() {
            serializer.serialize_f64(self.0)
        } else {
            serializer.collect_str(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Number;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, null, \"NaN\", \"inf\" or \"-inf\"")
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            fn visit_unit<E: de::Error>(self) -> Result<Number, E> {
                Ok(Number(f64::NAN))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Number, E> {
                match value {
                    "NaN" => Ok(Number(f64::NAN)),
                    "inf" => Ok(Number(f64::INFINITY)),
                    "-inf" => Ok(Number(f64::NEG_INFINITY)),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

/// For `#[serde(with = "…")]` on an `f64`.
pub mod single {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer};

    /// Writes it.
    ///
    /// # Errors
    /// The serializer's own; no number is refused.
    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        Number(*value).serialize(serializer)
    }

    /// Reads it.
    ///
    /// # Errors
    /// A value other than a number, `null` and the strings `NaN`, `inf` and `-inf`; the
    /// deserializer's own.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        Number::deserialize(deserializer).map(|n| n.0)
    }
}

/// For `#[serde(with = "…", default)]` on an `Option<f64>`; `null` is `None`.
pub mod maybe {
    use super::{Deserialize, Deserializer, Number, Serialize, Serializer};

    /// Writes it.
    ///
    /// # Errors
    /// The serializer's own; no number is refused.
    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(Number).serialize(serializer)
    }

    /// Reads it.
    ///
    /// # Errors
    /// A value other than a number, `null` and the strings `NaN`, `inf` and `-inf`; the
    /// deserializer's own.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<f64>, D::Error> {
        Ok(Option::<Number>::deserialize(deserializer)?.map(|n| n.0))
    }
}

/// For `#[serde(with = "…")]` on a `Vec<f64>`.
pub mod list {
    use super::{Deserialize, Deserializer, Number, Serializer};

    /// Writes it.
    ///
    /// # Errors
    /// The serializer's own; no number is refused.
    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|x| Number(*x)))
    }

    /// Reads it.
    ///
    /// # Errors
    /// No list, or an element other than a number, `null` and the strings `NaN`, `inf` and `-inf`;
    /// the deserializer's own.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let numbers = Vec::<Number>::deserialize(deserializer)?;
        Ok(numbers.into_iter().map(|n| n.0).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, Serialize, Deserialize)]
    struct Metric {
        name: String,
        #[serde(with = "super::single")]
        value: f64,
        #[serde(with = "super::maybe", default)]
        plaintext: Option<f64>,
    }

    #[track_caller]
    fn check(value: f64, plaintext: Option<f64>, json: &str) {
        let metric = Metric {
            name: "auc".into(),
            value,
            plaintext,
        };
        let text = serde_json::to_string(&metric).unwrap();
        assert_eq!(text, json);
        let back: Metric = serde_json::from_str(&text).unwrap();
        assert_eq!(back.value.to_bits(), value.to_bits());
        assert_eq!(
            back.plaintext.map(f64::to_bits),
            plaintext.map(f64::to_bits)
        );
    }

    #[test]
    fn every_number_survives() {
        check(0.5, None, r#"{"name":"auc","value":0.5,"plaintext":null}"#);
        check(
            f64::NAN,
            Some(f64::NAN),
            r#"{"name":"auc","value":"NaN","plaintext":"NaN"}"#,
        );
        check(
            f64::INFINITY,
            Some(f64::NEG_INFINITY),
            r#"{"name":"auc","value":"inf","plaintext":"-inf"}"#,
        );
    }

    #[test]
    fn null_is_nan_and_other_words_are_errors() {
        let read = serde_json::from_str::<Metric>;
        assert!(
            read(r#"{"name":"auc","value":null}"#)
                .unwrap()
                .value
                .is_nan()
        );
        assert_eq!(read(r#"{"name":"auc","value":1}"#).unwrap().value, 1.0);
        let error = read(r#"{"name":"auc","value":"many"}"#)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("many") && error.contains("a number"),
            "{error}"
        );
    }
}
