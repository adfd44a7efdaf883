//! The plaintext scheme as a shared library, as it would be built out of tree, with a choice of
//! ways to fail for the tests that load it.

use hexperiment_program::Refusal;
use hexperiment_program::lower::Capabilities;
use hexperiment_scheme::options::{OptionSpec, Options};
use hexperiment_scheme::{Circuit, CompileRequest, Scheme, SchemeError, SchemeManifest};
use scheme_plaintext::Plaintext;
use strum::{EnumString, IntoStaticStr, VariantNames};

hexperiment_plugin_abi::export_scheme!(ClearPlugin);

struct ClearPlugin;

/// What compilation does.
#[derive(Clone, Copy, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
enum Compilation {
    Works,
    Refuses,
    Panics,
}

impl Scheme for ClearPlugin {
    fn manifest(&self) -> SchemeManifest {
        SchemeManifest {
            name: "clear-plugin",
            options: vec![
                OptionSpec::choice("compile", Compilation::Works, "What compilation does."),
                OptionSpec::number("unused", 0.5..=f64::INFINITY, 1.0, "A bound that is open."),
                OptionSpec::integer("open", i64::MIN..=9, 3, "Another one."),
            ],
            ..Plaintext.manifest()
        }
    }

    fn capabilities(&self, options: &Options) -> Result<Capabilities, SchemeError> {
        Plaintext.capabilities(options)
    }

    fn compile(&self, request: CompileRequest<'_>) -> Result<Box<dyn Circuit>, SchemeError> {
        match request.options.choice("compile")? {
            Compilation::Refuses => Err(Refusal::because("depth", "it was told to refuse").into()),
            #[expect(clippy::panic, reason = "the tests want to see it caught")]
            Compilation::Panics => panic!("it was told to panic"),
            Compilation::Works => Plaintext.compile(request),
        }
    }
}
