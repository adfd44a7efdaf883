//! `hexperiment`: see `hexperiment help`.

fn main() -> std::process::ExitCode {
    hexperiment_runner::main()
}
