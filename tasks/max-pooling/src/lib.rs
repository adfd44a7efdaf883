//! Pooling: the maximum or the mean of every window of encrypted images.
//!
//! An image stays encrypted from the client to the client; the server learns the size of windows
//! and how many there are. Maxima want a scheme that compares, or one whose products carry a
//! polynomial in the place of the comparison; means every scheme has.

mod artefacts;
mod draft;
mod grid;
mod pictures;
mod quality;
mod windows;

use hexperiment_program::Program;
use hexperiment_scheme::options::{OptionKind, OptionSpec, Options};
use hexperiment_task::choices::Side;
use hexperiment_task::inventory;
use hexperiment_task::ledger::Quality;
use hexperiment_task::registry::TaskPlugin;
use hexperiment_task::session::Session;
use hexperiment_task::{
    Artefact, Outcome, PrepareRequest, Prepared, Task, TaskError, TaskManifest,
};
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::artefacts::Gallery;
use crate::draft::{Method, PoolProgram, Pooling};
use crate::pictures::Pictures;
use crate::quality::Measure;

inventory::submit! { TaskPlugin(&MaxPooling) }

/// What lies in a vector.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
enum Arrangement {
    /// One place of all windows.
    Windows,
    /// Pixels of equal row and column modulo the stride.
    Grid,
}

/// Which colours are pooled.
#[derive(Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "kebab-case")]
enum Colour {
    /// Those of the image.
    Original,
    /// Its luma.
    Grey,
}

/// The task.
pub struct MaxPooling;

impl Task for MaxPooling {
    fn manifest(&self) -> TaskManifest {
        TaskManifest {
            name: "max-pooling",
            doc: "Pools images: the maximum or the mean of each square window, for each colour. \
                  Windows that would reach over an edge are left out. All pixels are used, none \
                  is split off; alpha is left out, 16 bits become 8. Errors are in grey levels of \
                  0 to 255, `exact_share` is of those below one half, `psnr` in decibels; a \
                  sample is a pooled pixel with all its colours. Leaves each image as it is \
                  read, as pooled, as pooled in the clear, and the difference of these two: 128 where they are equal, 32 more or \
                  less for each grey level.",
            options: options(),
            metrics: quality::METRICS.to_vec(),
        }
    }

    fn prepare(&self, request: PrepareRequest<'_>) -> Result<Box<dyn Prepared>, TaskError> {
        let options = request.options;
        let grey = options.choice::<Colour>("colour")? == Colour::Grey;
        let pictures = Pictures::new(request.data, crop(options)?, grey)?;
        let pooling = Pooling {
            method: options.choice("method")?,
            window: options.integer("window")? as usize,
            stride: options.integer("stride")? as usize,
            precision: options.number("precision")?,
            client_divides: options.choice::<Side>("division")? == Side::Client,
        };
        pictures.check_window(pooling.window)?;
        let gathered = options.choice::<Arrangement>("layout")? == Arrangement::Windows;
        let layout = if gathered {
            windows::lay_out(&pictures, pooling)?
        } else {
            grid::lay_out(&pictures, pooling)?
        };
        Ok(Box::new(Pooled {
            layout,
            measure: Measure::new(&pictures, pooling, options.number("tolerance")?),
            gallery: Gallery::new(&pictures, pooling),
            pooling,
            gathered,
        }))
    }
}

fn options() -> Vec<OptionSpec> {
    vec![
        OptionSpec::choice(
            "method",
            Method::Max,
            "The maximum of each window, or its mean, which takes additions only.",
        ),
        OptionSpec::integer("window", 2..=64, 2, "Pixels to a side of a window."),
        OptionSpec::integer(
            "stride",
            1..=64,
            2,
            "Pixels from one window to the next, in both directions; less than the window where \
             windows overlap.",
        ),
        OptionSpec::choice(
            "layout",
            Arrangement::Windows,
            "`windows`: a vector for each place in a window, an element for each window; the \
             client gathers, and repeats pixels where windows overlap; the server shifts \
             nothing. `grid`: each pixel is encrypted once, in the vector of its row and column \
             modulo the stride; windows that overlap take shifts and share maxima, rows first, \
             then columns.",
        ),
        OptionSpec::choice(
            "colour",
            Colour::Original,
            "`grey` pools the luma of ITU-R BT.601 in the place of three colours.",
        ),
        OptionSpec::new(
            "crop",
            OptionKind::Text,
            "Width and height, as in \"28x28\", of what is cut out of the middle of each image; \
             all of it if left out.",
        ),
        OptionSpec::choice(
            "division",
            Side::Client,
            "Who divides a mean's sum: the client after decryption, so that the server adds \
             whole numbers; or the server, as a further step of a pipeline would need it.",
        ),
        OptionSpec::number(
            "precision",
            1e-9..=64.0,
            0.5,
            "Error wanted, in grey levels: below one half, a pixel rounds to the right one. A \
             scheme that approximates maxima takes the least work that is proven to keep it, \
             noise included, unless its options say otherwise, or as much as it has room for.",
        ),
        OptionSpec::number(
            "tolerance",
            0.0..=64.0,
            1.0,
            "Grey levels by which a maximum may lie below a pixel of its window before it counts \
             as `inverted`: as if another pixel had been taken for the brightest. A scheme that \
             approximates comparisons blends two pixels of nearly the same level, and comes out \
             a little below both or either; that is an error, which `max_error` tells, and no \
             inversion. Where the wrong pixel is taken, the result lies below the right one by \
             their difference, and counts if that is more than this.",
        ),
    ]
}

/// Width and height of what is cut out.
fn crop(options: &Options) -> Result<Option<(usize, usize)>, TaskError> {
    if options.get("crop").is_none() {
        return Ok(None);
    }
    let text = options.text("crop")?;
    let side = |side: &str| side.trim().parse().ok().filter(|n| *n > 0);
    let sides = text.split_once('x').map(|(w, h)| (side(w), side(h)));
    match sides {
        Some((Some(width), Some(height))) => Ok(Some((width, height))),
        _ => Err(TaskError::Options(format!(
            "`crop` in [task]: found {text:?}, expected a width and a height as in \"28x28\""
        ))),
    }
}

/// Images laid out, and what the results are measured by.
struct Pooled {
    layout: PoolProgram,
    measure: Measure,
    gallery: Gallery,
    pooling: Pooling,
    gathered: bool,
}

impl Prepared for Pooled {
    fn program(&self) -> &Program {
        &self.layout.program
    }

    fn samples(&self) -> usize {
        self.measure.pixels()
    }

    fn run(&self, session: &mut Session<'_>) -> Result<Outcome, TaskError> {
        self.layout.run(session)
    }

    fn score(&self, outcome: &Outcome) -> Result<Quality, TaskError> {
        let mut quality = self.measure.score(&self.layout.read(outcome));
        quality.notes.push(self.layout.note.clone());
        quality.notes.extend(self.gallery.note());
        Ok(quality)
    }

    fn artefacts(&self, outcome: &Outcome) -> Result<Vec<Artefact>, TaskError> {
        let pooled = self.layout.read(outcome);
        self.gallery.files(&pooled, self.measure.clear())
    }

    fn server_sees(&self) -> Option<String> {
        let sees = if self.gathered {
            "how many windows there are in all, and their size"
        } else {
            "the size of windows and their stride, how long the longest row of an image is and how \
             many there are in all"
        };
        Some(sees.into())
    }

    fn client_computes(&self) -> Vec<String> {
        let divides = self.pooling.divisor() != 1.0;
        divides.then(|| "division".into()).into_iter().collect()
    }
}
