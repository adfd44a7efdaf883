//! The memory of a process, as its owner may read it on Linux.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

/// Bytes that are read at once: where memory goes away meanwhile, so many are lost.
const PIECE: usize = 1 << 16;

/// Shows every readable region of a process to `look`, as it lies: what is at a multiple of 8 there
/// is so in the slice. Yields how many bytes there were, and how many of them could not be read, which are
/// shown as zeros: the process has given them back meanwhile. Pages that the kernel shares with all processes
/// are left out.
pub fn each_region(process: &str, mut look: impl FnMut(&[u8])) -> (usize, usize) {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let (mut all, mut lost) = (0, 0);
    for line in maps.lines() {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        let name = fields.nth(3).unwrap_or("");
        if !rights.starts_with('r') || name.starts_with("[v") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut region = vec![0; (to - from) as usize];
        for (index, piece) in region.chunks_mut(PIECE).enumerate() {
            let place = from + (index * PIECE) as u64;
            if memory.read_exact_at(piece, place).is_err() {
                lost += piece.len();
                piece.fill(0);
            }
        }
        all += region.len();
        look(&region);
    }
    (all, lost)
}
