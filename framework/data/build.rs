//! Compiles the manifests of `experiments/datasets` in, whichever are there.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, error, fs};

fn main() -> Result<(), Box<dyn error::Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../experiments/datasets");
    println!("cargo:rerun-if-changed={}", folder.display());
    let mut files: Vec<_> = fs::read_dir(&folder)?.collect::<Result<_, _>>()?;
    files.sort_by_key(fs::DirEntry::file_name);
    let mut code = String::from("/// Name and text of each manifest of the project.\n");
    code.push_str("static BUILT_IN: &[(&str, &str)] = &[\n");
    for path in files.iter().map(fs::DirEntry::path) {
        if let (Some(stem), Some("toml")) = (
            path.file_stem().and_then(|s| s.to_str()),
            path.extension().and_then(|e| e.to_str()),
        ) {
            let path = path.canonicalize()?;
            writeln!(
                code,
                "    ({stem:?}, include_str!({:?})),",
                path.display().to_string()
            )?;
        }
    }
    code.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("manifests.rs"), code)?;
    Ok(())
}
