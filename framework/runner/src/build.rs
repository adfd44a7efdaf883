//! How this program was built, as `build.rs` found it.

use hexperiment_experiment::record::Build;

/// The commit, the compiler and its flags.
pub(crate) fn build() -> Build {
    let list = |text: &str| -> Vec<String> {
        let words = text.split('\u{1f}').filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    };
    Build {
        commit: env!("HEXPERIMENT_COMMIT").into(),
        dirty: env!("HEXPERIMENT_DIRTY") == "true",
        rustc: env!("HEXPERIMENT_RUSTC").into(),
        target: env!("HEXPERIMENT_TARGET").into(),
        profile: env!("HEXPERIMENT_PROFILE").into(),
        flags: list(env!("HEXPERIMENT_FLAGS")),
        features: list(env!("HEXPERIMENT_FEATURES")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_known() {
        let build = build();
        assert!(build.rustc.starts_with("rustc 1."), "{build:?}");
        assert!(build.target.contains('-'), "{build:?}");
        assert!(build.profile.contains("opt-level"), "{build:?}");
        assert_eq!(
            build.features.iter().any(|f| f == "hexl"),
            cfg!(feature = "hexl")
        );
        let is_commit = |c: &str| c.len() == 40 && c.chars().all(|c| c.is_ascii_hexdigit());
        assert!(
            build.commit.is_empty() || is_commit(&build.commit),
            "{build:?}"
        );
    }
}
