//! The lines of a file of records, in their order, read by several threads: a file has a million of them.

use std::io::{self, BufRead};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, Scope};

use super::intact;
use super::quick::QuickReader;
use crate::record::Line;
use hexperiment_diagnostics::Complaint;

/// Bytes of a record at most: the first tells all cells of a run, some hundred bytes each.
pub(super) const LONGEST_LINE: usize = 128 << 20;

/// Bytes of lines that a thread is given at once, about.
pub(super) const BLOCK: usize = 4 << 20;

/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;

/// Threads at most: what one thread adds, no more of them can read.
const MOST_THREADS: usize = 4;

/// What to do about a record that this program cannot have written.
pub(super) const DAMAGED: &str = "only the last line of a killed run may be torn; this file was damaged or \
                                  edited: restore it, or delete this line and `--resume` the run, which does again \
                                  what the line told of";

/// The error of a line that is no record.
pub(super) fn malformed(path: &Path, text: &str, error: &serde_json::Error) -> Complaint {
    let excerpt: String = text.chars().take(60).collect();
    let dots = if excerpt.len() < text.len() {
        "…"
    } else {
        ""
    };
    // The parser saw one line, and counts from there.
    let words = error.to_string();
    let words = match words.split_once(" at line 1 column ") {
        Some((problem, column)) => format!("{problem} (column {column})"),
        None => words,
    };
    Complaint::new(
        path,
        format!("found `{excerpt}{dots}`, expected a record: {words}"),
    )
}

/// A line without its end.
pub(super) fn without_end(line: &str) -> &str {
    let line = line.strip_suffix('\n').unwrap_or(line);
    line.strip_suffix('\r').unwrap_or(line)
}

fn cannot_be_read(path: &Path, error: &io::Error) -> Complaint {
    Complaint::new(path, format!("cannot be read: {error}"))
}

fn too_long(path: &Path) -> Complaint {
    let problem = format!("found a line of more than {LONGEST_LINE} bytes");
    Complaint::new(path, problem)
        .help("a record is shorter: delete what is behind the last whole one")
}

fn not_text(path: &Path) -> Complaint {
    Complaint::new(path, "found bytes that are not UTF-8, expected JSON")
}

/// The first line, with its end; `None` of a file without one that is whole.
///
/// # Errors
/// It cannot be read, is too long or no text.
pub(super) fn first(path: &Path, bytes: &mut impl BufRead) -> Result<Option<String>, Complaint> {
    let mut line = Vec::new();
    let limit = LONGEST_LINE as u64 + 1;
    io::Read::take(&mut *bytes, limit)
        .read_until(b'\n', &mut line)
        .map_err(|e| cannot_be_read(path, &e))?;
    if line.len() > LONGEST_LINE {
        return Err(too_long(path).at_line(1));
    }
    let rest = bytes.fill_buf().map_err(|e| cannot_be_read(path, &e))?;
    if rest.is_empty() && intact(&line) == 0 {
        return Ok(None);
    }
    match String::from_utf8(line) {
        Ok(line) => Ok(Some(line)),
        Err(_) => Err(not_text(path).at_line(1)),
    }
}

/// Reads the lines that follow, and calls `take` with each in turn, or with what is wrong with it: a complaint that does not
/// say its line. A torn last line is passed over.
///
/// # Errors
/// The bytes cannot be read, or what `take` says, which is not called any more then.
pub(super) fn each(
    path: &Path,
    bytes: impl BufRead,
    mut take: impl FnMut(Result<Line, Complaint>) -> Result<(), Complaint>,
) -> Result<(), Complaint> {
    let mut blocks = Blocks {
        bytes,
        rest: vec![],
        spare: vec![],
    };
    let unread = |e: io::Error| cannot_be_read(path, &e);
    let Some(first) = blocks.next().map_err(unread)? else {
        return Ok(());
    };
    let threads = match thread::available_parallelism() {
        Ok(threads) if !first.is_last => threads.get().min(MOST_THREADS),
        _ => 0,
    };
    thread::scope(|scope| {
        // As many as the system gives.
        let workers = (0..threads).filter_map(|_| Worker::start(scope, path).ok());
        let workers: Vec<Worker> = workers.collect();
        let (mut given, mut taken) = (workers.iter().cycle(), workers.iter().cycle());
        let (mut waiting, mut next, mut end) = (0, Some(first), Ok(()));
        let mut alone = QuickReader::default();
        loop {
            // Each has a block that it reads, and one that waits.
            while waiting < 2 * workers.len()
                && let (Some(worker), Some(block)) = (given.next(), next.take())
            {
                worker.give(block);
                waiting += 1;
                next = blocks.next().unwrap_or_else(|e| {
                    end = Err(unread(e));
                    None
                });
            }
            // In the order in which they were given.
            if let Some(worker) = taken.next().filter(|_| waiting > 0) {
                waiting -= 1;
                let (lines, read) = worker.lines();
                lines.into_iter().try_for_each(&mut take)?;
                blocks.spare.push(read);
            } else if let Some(block) = next.take() {
                let lines = block.lines(path, &mut alone);
                lines.into_iter().try_for_each(&mut take)?;
                blocks.spare.push(block.bytes);
                next = blocks.next().map_err(unread)?;
            } else {
                return end;
            }
        }
    })
}

/// Some lines.
struct Block {
    bytes: Vec<u8>,
    /// Whether the file ends with it.
    is_last: bool,
}

impl Block {
    /// The lines up to the first with which something is wrong.
    fn lines(&self, path: &Path, quick: &mut QuickReader) -> Vec<Result<Line, Complaint>> {
        let (text, is_text) = match std::str::from_utf8(&self.bytes) {
            Ok(text) => (text, true),
            Err(e) => {
                let text = std::str::from_utf8(&self.bytes[..e.valid_up_to()]).unwrap_or_default();
                (&text[..text.rfind('\n').map_or(0, |at| at + 1)], false)
            }
        };
        let mut lines = Vec::new();
        for line in text.split_inclusive('\n') {
            let read = read(path, line, quick);
            let is_end = read.is_err();
            lines.push(read);
            if is_end {
                return lines;
            }
        }
        if !is_text {
            lines.push(Err(not_text(path)));
        }
        lines
    }
}

/// One line. Nearly all of them are repetitions, as this program writes them: these are read without what telling kinds
/// apart takes, and what the last one of the cell said in the same words is not read again.
fn read(path: &Path, line: &str, quick: &mut QuickReader) -> Result<Line, Complaint> {
    if line.len() > LONGEST_LINE {
        return Err(too_long(path));
    }
    let line = without_end(line);
    match quick.repetition(line) {
        Some(repetition) => Ok(Line::Repetition(Box::new(repetition))),
        None => serde_json::from_str(line).map_err(|e| malformed(path, line, &e).help(DAMAGED)),
    }
}

/// What is read of a file, in blocks of whole lines.
struct Blocks<R> {
    bytes: R,
    /// The beginning of a line whose end was not read yet.
    rest: Vec<u8>,
    /// Memory of blocks that were read, which the next ones get: the system has to empty every page that it gives anew.
    spare: Vec<Vec<u8>>,
}

impl<R: BufRead> Blocks<R> {
    /// The next lines; `None` where there is none. A torn last line is cut off.
    fn next(&mut self) -> io::Result<Option<Block>> {
        let spare = self.spare.pop();
        let mut bytes = spare.unwrap_or_else(|| Vec::with_capacity(BLOCK + PIECE));
        bytes.clear();
        bytes.append(&mut self.rest);
        // Where its last line ends.
        let mut end = 0;
        loop {
            let found = self.bytes.fill_buf()?;
            if found.is_empty() {
                bytes.truncate(intact(&bytes));
                let is_last = true;
                return Ok((!bytes.is_empty()).then_some(Block { bytes, is_last }));
            }
            // Only where something follows: what it ends with is no last line.
            if end > 0 && bytes.len() >= BLOCK {
                self.rest.extend_from_slice(&bytes[end..]);
                bytes.truncate(end);
                let is_last = false;
                return Ok(Some(Block { bytes, is_last }));
            }
            // Told as an error by whoever reads it.
            if bytes.len() - end > LONGEST_LINE {
                let is_last = true;
                return Ok(Some(Block { bytes, is_last }));
            }
            let piece = &found[..found.len().min(PIECE)];
            if let Some(at) = piece.iter().rposition(|b| *b == b'\n') {
                end = bytes.len() + at + 1;
            }
            let length = piece.len();
            bytes.extend_from_slice(piece);
            self.bytes.consume(length);
        }
    }
}

/// A thread that reads blocks.
struct Worker {
    blocks: Sender<Block>,
    read: Receiver<ReadBlock>,
}

/// The lines of a block, and its memory.
type ReadBlock = (Vec<Result<Line, Complaint>>, Vec<u8>);

impl Worker {
    fn start<'scope>(scope: &'scope Scope<'scope, '_>, path: &'scope Path) -> io::Result<Self> {
        let (blocks, given) = channel::<Block>();
        let (tell, read) = channel();
        let work = move || {
            let mut quick = QuickReader::default();
            // Until one of both is not wanted any more.
            for block in given {
                let lines = block.lines(path, &mut quick);
                if tell.send((lines, block.bytes)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().spawn_scoped(scope, work)?;
        Ok(Self { blocks, read })
    }

    fn give(&self, block: Block) {
        // It hears until this is dropped, unless it panicked: the scope tells that.
        let _ = self.blocks.send(block);
    }

    /// Those of the block that was given first, of those that were not asked for.
    fn lines(&self) -> ReadBlock {
        self.read.recv().unwrap_or_default()
    }
}
