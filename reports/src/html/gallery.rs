//! Images that tasks left, those of one origin beside one another.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::files::Image;

/// Kinds of images by the end of their names, in order, and what stands below them.
const KINDS: [(&str, &str); 4] = [
    ("-input", "input"),
    ("-clear", "in the clear"),
    ("-pooled", "decrypted"),
    ("-difference-x32", "difference, 32 times"),
];

/// Images of one origin beside one another.
pub(super) fn gallery(images: &[Image]) -> Markup {
    let mut groups: BTreeMap<&str, Vec<(usize, &str, &Image)>> = BTreeMap::new();
    for image in images {
        let name = image.name.trim_end_matches(".png");
        let kind = KINDS
            .iter()
            .enumerate()
            .find_map(|(place, (end, what))| Some((name.strip_suffix(end)?, place, *what)));
        let (origin, place, what) = kind.unwrap_or((name, KINDS.len(), name));
        groups.entry(origin).or_default().push((place, what, image));
    }
    for group in groups.values_mut() {
        group.sort_by_key(|(place, ..)| *place);
    }
    html! {
        @for (origin, group) in &groups {
            @if group.len() > 1 { h3.origin { (origin) } }
            div.gallery {
                @for (_, what, image) in group {
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

/// Names of cells, of many the first and how many more.
fn short_list(cells: &[String]) -> String {
    match cells {
        [first, rest @ ..] if rest.len() > 3 => format!("{first} and {} more", rest.len()),
        _ => cells.join(", "),
    }
}
