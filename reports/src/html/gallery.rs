//! Images that tasks left, those of one origin beside one another.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::files::Image;

/// Kinds of images by the end of their names, in order, and what stands below them.
const KINDS: [(&str, &str); 4] = [
    ("-input", "input"),
    (CLEAR, "in the clear"),
    ("-pooled", "decrypted"),
    ("-difference-x32", "difference, 32 times"),
];

/// How the names end of images that decrypted ones are to be.
const CLEAR: &str = "-clear";

/// An image of an origin.
struct OfOrigin<'a> {
    /// The place of its kind in order.
    kind: usize,
    what: &'a str,
    image: &'a Image,
}

impl OfOrigin<'_> {
    fn is_of(&self, cells: &[String]) -> bool {
        self.image.cells.iter().any(|cell| cells.contains(cell))
    }
}

/// Images of one origin beside one another: below the input a line for each image in the clear, with what was
/// decrypted in its place, each beside its difference.
pub(super) fn gallery(images: &[Image]) -> Markup {
    let mut origins: BTreeMap<&str, Vec<OfOrigin<'_>>> = BTreeMap::new();
    for image in images {
        let name = image.name.trim_end_matches(".png");
        let kind = KINDS
            .iter()
            .enumerate()
            .find_map(|(place, (end, what))| Some((name.strip_suffix(end)?, place, *what)));
        let (origin, kind, what) = kind.unwrap_or((name, KINDS.len(), name));
        let of_origin = OfOrigin { kind, what, image };
        origins.entry(origin).or_default().push(of_origin);
    }
    html! {
        @for (origin, all) in origins {
            @if all.len() > 1 { h3.origin { (origin) } }
            @for line in lines(all) {
                div.gallery {
                    @for OfOrigin { what, image, .. } in line {
                        figure {
                            img src=(image.url) alt={ (image.name) " of " (image.cells.join(", ")) } loading="lazy";
                            figcaption {
                                strong { (what) }
                                br;
                                (short_list(&image.cells))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The images of an origin in lines.
fn lines(mut images: Vec<OfOrigin<'_>>) -> Vec<Vec<OfOrigin<'_>>> {
    // Stable: within a kind, cell by cell.
    images.sort_by_key(|image| image.kind);
    let is_clear =
        |image: &OfOrigin<'_>| image.image.name.trim_end_matches(".png").ends_with(CLEAR);
    let several = images.iter().filter(|image| is_clear(image)).count() > 1;
    if !several {
        return vec![images];
    }
    let (clear, mut rest): (Vec<_>, Vec<_>) = images.into_iter().partition(is_clear);
    let mut all = Vec::with_capacity(clear.len() + 2);
    let inputs: Vec<_> = rest.extract_if(.., |image| image.kind == 0).collect();
    all.push(inputs);
    for clear in clear {
        let cells = clear.image.cells.clone();
        let mut line = vec![clear];
        // What is decrypted stands before the differences, in order of kinds.
        let mut of_line: Vec<_> = rest.extract_if(.., |image| image.is_of(&cells)).collect();
        while !of_line.is_empty() {
            let first = of_line.remove(0);
            let own = first.image.cells.clone();
            line.push(first);
            line.extend(of_line.extract_if(.., |image| image.is_of(&own)));
        }
        all.push(line);
    }
    all.push(rest);
    all.retain(|line| !line.is_empty());
    all
}

/// Names of cells, of many the first and how many more.
fn short_list(cells: &[String]) -> String {
    match cells {
        [first, rest @ ..] if rest.len() > 3 => format!("{first} and {} more", rest.len()),
        _ => cells.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, cells: &[&str]) -> Image {
        Image {
            name: format!("{name}.png"),
            cells: cells.iter().map(|cell| (*cell).to_owned()).collect(),
            url: String::new(),
        }
    }

    /// Two methods under two schemes, one of which is exact: its images are those in the clear, but by name.
    #[test]
    fn what_is_decrypted_stands_behind_what_it_is_to_be() {
        let images = [
            image("a-clear", &["x max", "y max"]),
            image("a-clear", &["x mean", "y mean"]),
            image("a-difference-x32", &["x max", "x mean"]),
            image("a-difference-x32", &["y max"]),
            image("a-difference-x32", &["y mean"]),
            image("a-input", &["x max", "x mean", "y max", "y mean"]),
            image("a-pooled", &["x max"]),
            image("a-pooled", &["x mean"]),
            image("a-pooled", &["y max"]),
            image("a-pooled", &["y mean"]),
            image("b-input", &["x max"]),
        ];
        let text = gallery(&images).into_string();
        let told: Vec<&str> = text
            .split("alt=\"")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        let expected = [
            "a-input.png of x max, x mean, y max, y mean",
            "a-clear.png of x max, y max",
            "a-pooled.png of x max",
            "a-difference-x32.png of x max, x mean",
            "a-pooled.png of y max",
            "a-difference-x32.png of y max",
            "a-clear.png of x mean, y mean",
            "a-pooled.png of x mean",
            "a-pooled.png of y mean",
            "a-difference-x32.png of y mean",
            "b-input.png of x max",
        ];
        assert_eq!(told, expected);
        assert_eq!(text.matches("div class=\"gallery\"").count(), 4);
    }
}
