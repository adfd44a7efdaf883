//! What the service keeps of a token. Nothing but this module sees the bytes of a hash: they go into the tables and come
//! from there, and the one comparison that there is takes the same time wherever two hashes differ.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlResult, ToSqlOutput, ValueRef};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::Token;

/// SHA-256 of a token. A token has 256 bits of chance, so that a plain hash cannot be searched.
///
/// It is neither ordered nor hashed again, and lends its bytes to nobody, so that there is no other way to compare it
/// than `==`, which is [`subtle`]'s.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl Token {
    /// What the service keeps of it.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.reveal().as_bytes()).into())
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenHash {}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("TokenHash(…)")
    }
}

impl ToSql for TokenHash {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(&self.0)))
    }
}

impl FromSql for TokenHash {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        FromSql::column_result(value).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Borrow;
    use std::hash::Hash;
    use std::ops::Deref;
    use std::path::Path;

    use super::*;

    /// Compiles only where a type does not have a trait: where it has, `NOT` could be that of either line.
    macro_rules! lacks {
        ($type:ty: $($bound:tt)+) => {
            const _: () = {
                trait Lacks<T> {
                    const NOT: () = ();
                }
                impl<T> Lacks<()> for T {}
                impl<T: $($bound)+> Lacks<u8> for T {}
                <$type as Lacks<_>>::NOT
            };
        };
    }

    // By what bytes could be compared in another way than by `==`.
    lacks!(TokenHash: AsRef<[u8]>);
    lacks!(TokenHash: Borrow<[u8]>);
    lacks!(TokenHash: Deref);
    lacks!(TokenHash: PartialOrd);
    lacks!(TokenHash: Hash);
    lacks!(TokenHash: PartialEq<[u8; 32]>);
    lacks!(TokenHash: Into<[u8; 32]>);
    lacks!(TokenHash: ToString);
    // A token itself is not compared at all.
    lacks!(Token: PartialEq);
    lacks!(Token: AsRef<str>);
    lacks!(Token: Deref);

    #[test]
    fn hashes_are_the_same_or_are_not() {
        let of = |bytes: [u8; 32]| TokenHash(bytes);
        let mut bytes = [7; 32];
        assert!(of(bytes) == of([7; 32]));
        for place in 0..32 {
            for bit in 0..8 {
                bytes[place] ^= 1 << bit;
                assert!(of(bytes) != of([7; 32]), "{place}, {bit}");
                bytes[place] ^= 1 << bit;
            }
        }
        assert_eq!(format!("{:?}", of(bytes)), "TokenHash(…)");
    }

    /// The sources of the service, but for tests.
    fn sources(folder: &Path, all: &mut Vec<(String, String)>) {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                sources(&path, all);
            } else if !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]").next().unwrap().to_owned();
                all.push((path.display().to_string(), code));
            }
        }
    }

    /// The comparison is [`subtle`]'s, and neither is the field read elsewhere, nor does SQLite compare hashes.
    #[test]
    fn hashes_are_compared_in_one_place() {
        let mut all = vec![];
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        sources(&folder, &mut all);
        let own = include_str!("hash.rs");
        let own = own.split("#[cfg(test)]").next().unwrap();
        let compares = own.split("impl PartialEq for TokenHash").nth(1).unwrap();
        let compares = compares.split("\nimpl ").next().unwrap();
        assert!(compares.contains("self.0.ct_eq(&other.0).into()"));
        assert_eq!(own.matches(".0").count(), 3, "compared, and stored");
        // In a statement, the column stands where it is written or read, and in no condition.
        let mut seen = 0;
        for (file, code) in &all {
            for statement in code
                .split(['"', ';'])
                .filter(|s| s.contains("token_sha256"))
            {
                seen += 1;
                for clause in ["WHERE", "ON ", "HAVING", "ORDER BY", "GROUP BY", "INDEX"] {
                    let mut after = statement.split(clause).skip(1);
                    let compared = after.any(|rest| {
                        let rest = rest.split(" SET ").next().unwrap();
                        rest.contains("token_sha256")
                    });
                    assert!(!compared, "{file}: {clause} in {statement}");
                }
            }
        }
        assert!(seen >= 3, "{seen}: a table, an insertion and a selection");
    }
}
