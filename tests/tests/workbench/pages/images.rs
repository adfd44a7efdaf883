//! From an image to pooled ones.

use super::{crossed, refuses, results, words};
use crate::browser::Browser;
use crate::started::{Started, look};

/// A PNG of grey levels, without a crate that writes one.
pub fn png(width: u32, height: u32, noted: usize) -> Vec<u8> {
    let crc = |bytes: &[u8]| {
        let mut crc = !0_u32;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 {
                    0xedb8_8320 ^ (crc >> 1)
                } else {
                    crc >> 1
                };
            }
        }
        !crc
    };
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8], data: &[u8]| {
        let body = [kind, data].concat();
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(&body);
        file.extend(crc(&body).to_be_bytes());
    };
    let header = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[8, 0, 0, 0, 0],
    ]
    .concat();
    chunk(b"IHDR", &header);
    let mut rows = vec![];
    for y in 0..height {
        rows.push(0);
        rows.extend((0..width).map(|x| ((x * 7 + y * 5) % 256) as u8));
    }
    // What a camera notes, of the length that is asked for.
    if noted > 0 {
        chunk(b"eXIf", &vec![b'x'; noted]);
    }
    // Stored, not compressed: one block of at most 65,535 bytes.
    let length = rows.len() as u16;
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in &rows {
        a = (a + u32::from(*byte)) % 65521;
        b = (b + a) % 65521;
    }
    let stream = [
        &[0x78, 1, 1][..],
        &length.to_le_bytes(),
        &(!length).to_le_bytes(),
        &rows,
        &(b << 16 | a).to_be_bytes(),
    ];
    chunk(b"IDAT", &stream.concat());
    chunk(b"IEND", b"");
    file
}

/// A JPEG of grey levels, as smooth as photographs are.
pub fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let levels =
        image::GrayImage::from_fn(width, height, |x, y| image::Luma([(x * 7 + y * 5) as u8]));
    let mut file = std::io::Cursor::new(vec![]);
    levels
        .write_to(&mut file, image::ImageFormat::Jpeg)
        .unwrap();
    file.into_inner()
}

#[test]
fn images_from_upload_to_pixels() {
    let started = Started::new(&[]);
    let Some(mut browser) = started.browser() else {
        return;
    };
    browser.open(&started.at("/images"));
    look(&mut browser, "images");
    refuses(
        &mut browser,
        &started,
        "/images",
        "bad.png",
        b"a,b\n1,2\n",
        "expected a PNG or a JPEG",
    );
    // What is longer than any image is not taken into memory.
    let long = png(40, 30, 80 << 20);
    refuses(
        &mut browser,
        &started,
        "/images",
        "long.png",
        &long,
        "bytes, expected at most 67108864",
    );
    let noted = png(40, 30, 30 << 20);
    refuses(
        &mut browser,
        &started,
        "/images",
        "noted.png",
        &noted,
        "cannot be read",
    );
    browser.open(&started.at("/images"));
    browser.choose_file(
        "[data-upload] input",
        &started.file("ramp.png", png(40, 30, 0)),
    );
    browser.until("location.pathname.startsWith('/images/') && document.readyState === 'complete'");
    // How long it takes is told before anything is started, and anew when something else is chosen.
    let estimated = |browser: &mut Browser, words: &str| {
        browser.until(&format!(
            "(() => {{ const e = document.querySelector('[data-estimated]'); \
             return e.dataset.state === 'done' && e.innerText.includes({words:?}) && e.innerText.includes(' in all'); }})()"
        ));
    };
    estimated(&mut browser, "seal-ckks: fine");
    look(&mut browser, "images-read");
    browser.tab_to("input[name=window]");
    browser.press("ArrowUp");
    assert_eq!(
        browser.value("document.querySelector('[name=window]').value"),
        "3"
    );
    browser.until("document.querySelector('[data-estimated]').dataset.state === 'runs'");
    estimated(&mut browser, "seal-ckks: fine");
    browser.press("ArrowDown");
    // Means, which every scheme has; two schemes beside one another, and one that is refused nothing.
    browser.tab_back_to("[name=method]");
    browser.choose("average");
    browser.tab_to("input[value=plaintext]");
    browser.press(" ");
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(&mut browser);
    browser.until("[...document.querySelectorAll('img.zooms')].length === 8 && [...document.images].every((i) => i.complete && i.naturalWidth > 0)");
    let told = words(&mut browser, "#images");
    assert!(
        told.contains("inverted") && told.contains("grey levels"),
        "{told}"
    );
    // Each result is captioned as what happened to it.
    for words in [
        "not encrypted, by the same program",
        "encrypted, then decrypted",
    ] {
        assert_eq!(told.matches(words).count(), 1, "{words}: {told}");
    }
    browser.tab_to("img.zooms");
    browser.press("ArrowRight");
    browser.until(
        "document.querySelector('.magnifier p')?.innerText.includes('exact, in the clear (')",
    );
    // The first scheme that is shown protects nothing, and that is said.
    crossed(&mut browser, "Nothing is encrypted");
    look(&mut browser, "images-result");
    what_crosses_is_called_what_it_is(&mut browser);
    what_a_scheme_cannot(&mut browser, &started);
}

/// Where nothing is encrypted, no ciphertexts are said to cross, nor keys to be made; of the next scheme they are.
fn what_crosses_is_called_what_it_is(browser: &mut Browser) {
    for (selector, word) in [
        ("#kinds", "numbers"),
        ("#frames", "numbers"),
        ("#hex-head", "of numbers"),
    ] {
        let told = words(browser, selector);
        assert!(
            told.contains(word) && !told.contains("ciphertext"),
            "{selector}: {told}"
        );
    }
    let steps = words(browser, "#parties");
    for part in [
        "there is no key",
        "No keys to make",
        "none needed",
        "Encode, not encrypted",
        "Numbers, not encrypted",
        "Decode",
    ] {
        assert!(steps.contains(part), "{steps}");
    }
    browser.tab_to("#cells button:not([aria-pressed=true])");
    browser.press("Enter");
    browser.until("document.getElementById('kinds').innerText.includes('ciphertexts')");
    let steps = words(browser, "#parties");
    for part in [
        "the secret key",
        "none needed",
        "Encrypt\n",
        "Ciphertexts",
        "Decrypt\n",
    ] {
        assert!(steps.contains(part), "{steps}");
    }
}

/// It is told where its result would be.
fn what_a_scheme_cannot(browser: &mut Browser, started: &Started) {
    browser.open(&started.at("/images"));
    browser.choose_file(
        "[data-upload] input",
        &started.file("ramp.png", png(12, 10, 0)),
    );
    browser.until("location.pathname.startsWith('/images/') && document.readyState === 'complete'");
    // The maximum takes comparisons, which not every scheme has.
    let method = words(browser, "[name=method] option:checked");
    assert_eq!(method, "the mean", "what is chosen is done in seconds");
    browser.tab_to("[name=method]");
    browser.choose("max");
    for scheme in ["paillier", "seal-ckks"] {
        browser.tab_to("[name=schemes]");
        browser.tab_to(&format!("input[value={scheme}]"));
        browser.press(" ");
    }
    browser.tab_to("form[data-post] button[type=submit]");
    browser.press("Enter");
    results(browser);
    browser.until("document.querySelector('article.scheme .reason') !== null");
    let told = words(browser, "article.scheme .reason");
    assert!(told.starts_with("refused"), "{told}");
    browser.until("document.getElementById('knows').innerText.includes('it was sent nothing')");
    look(browser, "images-refused");
}
