//! The runner as a user has it, `hexperiment`, under a name of its own: the tests end to end start
//! it, and cargo tells a package's tests only where the programs of that package are.

fn main() -> std::process::ExitCode {
    hexperiment_runner::main()
}
