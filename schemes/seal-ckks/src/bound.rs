//! Parameters that were chosen for a program under a layout, and what follows from them.

use hexperiment_program::layout::Layout;
use hexperiment_program::lower::Lowered;
use hexperiment_program::{Op, Program, Refusal};
use hexperiment_scheme::security::Encryption;
use hexperiment_scheme::security::failure::Failure;
use hexperiment_scheme::{CompileRequest, OperationCounts, SchemeError};

use crate::flooding::Flooding;
use crate::layout::SlotLayout;
use crate::memory;
use crate::noise::Noise;
use crate::parameters::{Choice, Needs, choose};
use crate::seal;
use crate::transparent::Encrypting;

/// Parameters for a program under a layout, before any table is made for them.
pub(crate) struct Bound {
    pub(crate) choice: Choice,
    pub(crate) layout: SlotLayout,
    pub(crate) encrypting: Encrypting,
    pub(crate) tolerance: Vec<f64>,
    pub(crate) failure: Failure,
    pub(crate) flooding: Option<Flooding>,
    pub(crate) flooding_deviations: Vec<f64>,
    pub(crate) shortfalls: Vec<String>,
    /// Bytes of memory.
    pub(crate) need: u64,
}

impl Bound {
    pub(crate) fn new(
        arrangement: &Layout,
        request: &CompileRequest<'_>,
    ) -> Result<Self, SchemeError> {
        let lowered = arrangement.lowered();
        let scale_bits = request.options.integer("scale_bits").ok().map(|b| b as u32);
        let flooding = Flooding::read(request.options)?;
        let needs = Needs::of(arrangement, request.security, flooding)?;
        let choice = choose(&needs, request.security, scale_bits)?;
        let layout = SlotLayout::of(arrangement, 1 << choice.log_n)?;
        let encrypting = Encrypting::of(arrangement, request.security.encryption);
        let failure_log2 = request.security.failure_log2;
        let noise = Noise::new(arrangement, &choice, &encrypting, failure_log2, flooding);
        let (tolerance, failure) = (noise.tolerances(), noise.failure());
        let flooding_deviations = noise.flooding_deviations();
        let mut shortfalls = shortfalls(arrangement.original(), &tolerance, &choice, scale_bits)?;
        if request.security.encryption == Encryption::Public {
            shortfalls.extend(shown_beside(lowered.program(), &layout));
        }
        let need = memory::bytes(lowered, &layout, &choice, request.threads);
        Ok(Self {
            choice,
            layout,
            encrypting,
            tolerance,
            failure,
            flooding,
            flooding_deviations,
            shortfalls,
            need,
        })
    }
}

/// Whether every output's error is within its precision, or within that of the first layout.
pub(crate) fn as_precise(layout: &Layout, tolerances: &[f64], first: &[f64]) -> bool {
    let outputs = layout.original().outputs().iter();
    let mut all = outputs.zip(tolerances).zip(first);
    all.all(|((output, found), first)| *found <= output.precision.max(*first))
}

/// What of each output's precision noise leaves unmet, in words.
///
/// # Errors
///
/// A refusal where noise would drown an output.
fn shortfalls(
    program: &Program,
    tolerances: &[f64],
    choice: &Choice,
    scale_bits: Option<u32>,
) -> Result<Vec<String>, Refusal> {
    let mut shortfalls = Vec::new();
    for (tolerance, output) in tolerances.iter().zip(program.outputs()) {
        let magnitudes = output
            .values
            .iter()
            .map(|v| program.value(*v).range().magnitude());
        if *tolerance > magnitudes.fold(0.0, f64::max).max(output.precision) {
            return Err(Refusal::because(
                "precision",
                format!(
                    "noise of up to {tolerance:.1e} would drown output `{}`: {} levels leave a scale of {} \
                     bits; lower a degree, or widen `sign_margin` or `sign_error`",
                    output.name, choice.depth, choice.scale_bits
                ),
            ));
        }
        if *tolerance > output.precision {
            shortfalls.push(format!(
                "`{}`: noise of at most {:.1e} is demanded, of up to {tolerance:.1e} is stated in its \
                 place: {}",
                output.name,
                output.precision,
                choice.why_imprecise(scale_bits)
            ));
        }
    }
    Ok(shortfalls)
}

/// Outputs beside which slots may hold more of the data, which are not those of whoever decrypts, in words.
fn shown_beside(program: &Program, layout: &SlotLayout) -> Vec<String> {
    let outputs = program.outputs().iter();
    let shown = outputs.filter(|output| output.values.iter().any(|v| layout.has_others(v.index())));
    shown
        .map(|output| {
            format!(
                "`{}`: others than the key owner encrypt, who is to learn this output alone; its ciphertext has \
                 slots beside it that may hold other elements and partial sums, which nothing masks",
                output.name
            )
        })
        .collect()
}

/// Parameters by name.
pub(crate) fn chosen(
    chain: &seal::Chain,
    choice: &Choice,
    flooding: Option<Flooding>,
    deviations: &[f64],
) -> Vec<(String, String)> {
    let bits = choice.prime_bits();
    let bits: Vec<String> = bits.iter().map(ToString::to_string).collect();
    let mut chosen = vec![
        ("ring degree N".into(), chain.degree().to_string()),
        ("slots".into(), chain.slots().to_string()),
        ("prime bits (last: key switching)".into(), bits.join(" ")),
        ("log2(QP)".into(), format!("{:.1}", chain.log_qp())),
        ("scale".into(), format!("2^{}", choice.scale_bits)),
    ];
    if let Some(Flooding { bits, decryptions }) = flooding {
        let deviations: Vec<String> = deviations.iter().map(|x| format!("{x:.1e}")).collect();
        chosen.push((
            "noise flooding".into(),
            format!(
                "{bits} bits over {decryptions} decryptions, standard deviation {}",
                deviations.join(", ")
            ),
        ));
    }
    chosen
}

/// The scale of values by level: see [`Design::scales`](crate::circuit::Design).
pub(crate) fn scales(chain: &seal::Chain, bits: u32) -> Vec<f64> {
    let levels = chain.level_count();
    let mut scales = vec![2.0_f64.powi(bits as i32); levels];
    // The primes are listed as first, then those of the levels, the last of which goes first.
    for level in (0..levels - 1).rev() {
        let dropped = chain.primes()[levels - 1 - level] as f64;
        scales[level] = (scales[level + 1] * dropped).sqrt();
    }
    scales
}

/// The steps of one evaluation.
pub(crate) fn counts(lowered: &Lowered, layout: &SlotLayout) -> OperationCounts {
    let mut counts = OperationCounts::default();
    for (id, value) in lowered.program().iter() {
        let chunks = layout.chunks(value.length() * layout.stride(id.index())) as u64;
        match value.op() {
            Op::Add(..) | Op::Sub(..) => counts.additions += chunks,
            Op::Scale { .. } => counts.plain_multiplications += chunks,
            Op::WeightedSum { terms, .. } => {
                counts.plain_multiplications += chunks * terms.len() as u64;
                counts.additions += chunks * (terms.len() as u64 - 1);
            }
            Op::Mul(..) | Op::Square(_) => counts.multiplications += chunks,
            Op::Shift { .. } => counts.rotations += chunks,
            _ => {}
        }
    }
    counts
}
