//! Pictures out of a table of pixels.

use std::ops::Range;

use hexperiment_data::Dataset;
use hexperiment_data::pixels::{COLOURS, GREY, PLACE};
use hexperiment_task::TaskError;
use ndarray::{Array2, ArrayView1, ArrayView2, s};

use crate::draft::WHITE;

/// One colour of one picture: rows x columns of levels from 0 to 255.
pub(crate) type Plane = Array2<f64>;

/// Pictures, plane by plane.
#[derive(Clone, Debug)]
pub(crate) struct Pictures {
    pub(crate) planes: Vec<Plane>,
    pub(crate) pictures: Vec<Picture>,
}

/// One picture among others.
#[derive(Clone, Debug)]
pub(crate) struct Picture {
    /// Its file's, or what it is called.
    pub(crate) name: String,
    /// Its planes, by place: three of colours, or one of grey levels.
    pub(crate) planes: Range<usize>,
}

const HELP: &str = "name an image or a folder of images: `use = \"scene\"`, or `path = \"my.png\"`, \
                    under [dataset]";

impl Pictures {
    /// The pictures of `data`; cut to `crop`, a width and a height, out of their middle; and
    /// turned `grey`.
    pub(crate) fn new(
        data: &Dataset,
        crop: Option<(usize, usize)>,
        grey: bool,
    ) -> Result<Self, TaskError> {
        let columns = Columns::of(data)?;
        let numbers = data.features.column(columns.image);
        let mut planes = Vec::new();
        let mut pictures = Vec::new();
        let mut start = 0;
        for (number, run) in numbers.to_vec().chunk_by(|a, b| a == b).enumerate() {
            let name = name(data, number);
            let pixels = data.features.slice(s![start..start + run.len(), ..]);
            start += run.len();
            let mut colours = columns.colours(&name, pixels)?;
            if let (true, [red, green, blue]) = (grey, &colours[..]) {
                colours = vec![luma(red, green, blue)];
            }
            let first = planes.len();
            for plane in colours {
                planes.push(match crop {
                    None => plane,
                    Some(size) => {
                        cut(&plane, size).ok_or_else(|| too_small(&name, &plane, size, "`crop`"))?
                    }
                });
            }
            pictures.push(Picture {
                name,
                planes: first..planes.len(),
            });
        }
        Ok(Self { planes, pictures })
    }

    /// Fails where a picture is smaller than a window.
    pub(crate) fn check_window(&self, window: usize) -> Result<(), TaskError> {
        let small = |plane: &&Plane| plane.nrows() < window || plane.ncols() < window;
        for picture in &self.pictures {
            if let Some(plane) = self.planes[picture.planes.clone()].iter().find(small) {
                let size = (window, window);
                return Err(too_small(&picture.name, plane, size, "`window`"));
            }
        }
        Ok(())
    }
}

/// Where in a table of pixels what stands.
struct Columns {
    image: usize,
    row: usize,
    column: usize,
    /// One of grey levels, three of colours, or both kinds, of which each picture has one.
    shown: Vec<Vec<usize>>,
}

impl Columns {
    fn of(data: &Dataset) -> Result<Self, TaskError> {
        let find = |name: &&str| {
            let at = data.columns.iter().position(|c| c == name);
            at.ok_or_else(|| {
                let problem = format!("found no column `{name}`, expected pixels");
                TaskError::data(problem, HELP)
            })
        };
        let all = |names: &[&str]| names.iter().map(find).collect::<Result<Vec<_>, _>>();
        let [image, row, column] = PLACE;
        let (image, row, column) = (find(&image)?, find(&row)?, find(&column)?);
        let shown: Vec<Vec<usize>> = [all(&COLOURS), all(&GREY)].into_iter().flatten().collect();
        if shown.is_empty() {
            all(&COLOURS)?;
        }
        Ok(Self {
            image,
            row,
            column,
            shown,
        })
    }

    /// The planes of one picture, whose pixels have to be all there, and in order.
    fn colours(&self, name: &str, pixels: ArrayView2<'_, f64>) -> Result<Vec<Plane>, TaskError> {
        let count = pixels.nrows();
        // Rows are in order, so that the last one has the greatest place.
        let side = |column: usize| (pixels[[count - 1, column]] as usize).saturating_add(1);
        let (height, width) = (side(self.row), side(self.column));
        let in_order = |(i, pixel): (usize, ArrayView1<'_, f64>)| {
            pixel[self.row] == (i / width) as f64 && pixel[self.column] == (i % width) as f64
        };
        let level = |x: &f64| (0.0..=WHITE).contains(x);
        let is_there = |kind: &&Vec<usize>| kind.iter().any(|c| !pixels[[0, *c]].is_nan());
        // Colours or grey levels; if neither, or both, it is not whole.
        let kinds: Vec<&Vec<usize>> = self.shown.iter().filter(is_there).collect();
        let shown = kinds.first().into_iter().flat_map(|kind| kind.iter());
        if kinds.len() != 1
            || Some(count) != height.checked_mul(width)
            || !pixels.rows().into_iter().enumerate().all(in_order)
            || !shown.clone().all(|c| pixels.column(*c).iter().all(level))
        {
            let problem = format!(
                "{name} is not whole, expected each of its {width} x {height} pixels once, row by \
                 row, with levels from 0 to 255"
            );
            return Err(TaskError::data(problem, HELP));
        }
        let plane = |c: &usize| {
            Array2::from_shape_fn((height, width), |(y, x)| pixels[[y * width + x, *c]])
        };
        Ok(shown.map(plane).collect())
    }
}

/// What a picture is called, from its number on from 0.
fn name(data: &Dataset, number: usize) -> String {
    let provenance = &data.provenance;
    let file = || Some(provenance.file.as_ref()?.to_string_lossy().into_owned());
    let of_folder = provenance.files.get(number).cloned();
    of_folder.or_else(file).unwrap_or_else(|| data.name.clone())
}

fn too_small(
    name: &str,
    plane: &Plane,
    (width, height): (usize, usize),
    option: &str,
) -> TaskError {
    let (w, h) = (plane.ncols(), plane.nrows());
    TaskError::data(
        format!("{name} has {w} x {h} pixels, expected {width} x {height} or more"),
        format!("choose a smaller {option} under [task], or a larger image"),
    )
}

/// The middle of a picture; `None` where it has less.
fn cut(plane: &Plane, (width, height): (usize, usize)) -> Option<Plane> {
    let top = plane.nrows().checked_sub(height)? / 2;
    let left = plane.ncols().checked_sub(width)? / 2;
    let middle = plane.slice(s![top..top + height, left..left + width]);
    Some(middle.to_owned())
}

/// Luma, as ITU-R BT.601 (2011), section 2.5.1, weighs colours, in whole levels.
fn luma(red: &Plane, green: &Plane, blue: &Plane) -> Plane {
    Array2::from_shape_fn(red.dim(), |at| {
        (0.299 * red[at] + 0.587 * green[at] + 0.114 * blue[at]).round()
    })
}
