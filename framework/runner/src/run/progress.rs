//! What a person sees while a run goes on: a bar on a terminal; elsewhere a line now and then,
//! so that a log shows that the run lives, and where it is.

use std::io::IsTerminal as _;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hexperiment_diagnostics::printable;
use indicatif::{ProgressBar, ProgressStyle};

use crate::out::tell;

/// The longest silence where there is no terminal.
const SILENCE: Duration = Duration::from_secs(10);

/// The display of one run.
pub(crate) struct Progress(Display);

enum Display {
    Bar(ProgressBar),
    Lines {
        news: Option<Sender<News>>,
        teller: Option<JoinHandle<()>>,
    },
}

/// What the thread that prints lines is told.
enum News {
    Begin(u64),
    Doing(String),
    Step(u64),
    Line(String),
}

impl Progress {
    /// A display of something whose steps are not known yet.
    pub(crate) fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self::lines(SILENCE, |line| tell!("{line}"));
        }
        let bar = ProgressBar::no_length();
        bar.set_style(style("{spinner} {elapsed} {msg}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(Display::Bar(bar))
    }

    /// Lines that `print` prints: what is worth one, and after a silence where the run is.
    fn lines(silence: Duration, mut print: impl FnMut(&str) + Send + 'static) -> Self {
        let (sender, news) = channel();
        let teller = std::thread::spawn(move || {
            let began = Instant::now();
            let mut spoke = began;
            let (mut done, mut all, mut doing) = (0, None, String::new());
            loop {
                match news.recv_timeout(silence.saturating_sub(spoke.elapsed())) {
                    Ok(News::Begin(steps)) => (done, all) = (0, Some(steps)),
                    Ok(News::Doing(what)) => doing = what,
                    Ok(News::Step(steps)) => done += steps,
                    Ok(News::Line(line)) => {
                        print(&line);
                        spoke = Instant::now();
                    }
                    Err(RecvTimeoutError::Timeout) => {
                        print(&where_it_is(began.elapsed(), done, all, &doing));
                        spoke = Instant::now();
                    }
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
        });
        Self(Display::Lines {
            news: Some(sender),
            teller: Some(teller),
        })
    }

    fn tell(&self, news: News) {
        match (&self.0, news) {
            (Display::Bar(bar), News::Begin(steps)) => {
                bar.set_length(steps);
                bar.set_style(style("{bar:30} {pos}/{len} {elapsed} (left: {eta}) {msg}"));
            }
            (Display::Bar(bar), News::Doing(what)) => {
                bar.set_message(printable::cut(&what, 80).into_owned());
            }
            (Display::Bar(bar), News::Step(steps)) => bar.inc(steps),
            (Display::Bar(bar), News::Line(line)) => bar.println(printable::lines(&line)),
            (Display::Lines { news: teller, .. }, news) => {
                // The thread lives as long as the sender.
                let _ = teller.as_ref().map(|teller| teller.send(news));
            }
        }
    }

    /// It has so many steps from now on: set-ups, warm-up and repetitions.
    pub(crate) fn begin(&self, steps: u64) {
        self.tell(News::Begin(steps));
    }

    /// Something begins.
    pub(crate) fn doing(&self, what: &str) {
        self.tell(News::Doing(what.to_owned()));
    }

    /// So many steps are done.
    pub(crate) fn step(&self, steps: u64) {
        self.tell(News::Step(steps));
    }

    /// Something worth a line of its own.
    pub(crate) fn line(&self, text: &str) {
        self.tell(News::Line(text.to_owned()));
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A line such as "  after 1m 20s: 12 of 60 set-ups and repetitions; paillier: 3 of 10".
fn where_it_is(elapsed: Duration, done: u64, all: Option<u64>, doing: &str) -> String {
    let elapsed = humantime::format_duration(Duration::from_secs(elapsed.as_secs()));
    match all {
        Some(all) => format!("  after {elapsed}: {done} of {all} set-ups and repetitions; {doing}"),
        None => format!("  after {elapsed}: {doing}"),
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        match &mut self.0 {
            Display::Bar(bar) => bar.finish_and_clear(),
            Display::Lines { news, teller } => {
                // It prints what it was told, and ends.
                drop(news.take());
                let _ = teller.take().map(JoinHandle::join);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A display and the lines that it has printed.
    fn lines(silence: Duration) -> (Progress, Arc<Mutex<Vec<String>>>) {
        let printed = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&printed);
        let print = move |line: &str| lines.lock().unwrap().push(line.to_owned());
        (Progress::lines(silence, print), printed)
    }

    #[test]
    fn a_silence_ends_with_where_the_run_is() {
        let (progress, printed) = lines(Duration::from_millis(5));
        let until = |words: &str| {
            let began = Instant::now();
            while !printed.lock().unwrap().iter().any(|l| l.contains(words)) {
                assert!(began.elapsed() < Duration::from_mins(1), "in vain: {words}");
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        progress.doing("read data");
        until(": read data");
        progress.begin(12);
        progress.step(5);
        progress.doing("paillier: 3 of 10");
        until(": 5 of 12 set-ups and repetitions; paillier: 3 of 10");
    }

    #[test]
    fn what_is_worth_a_line_is_printed_in_order() {
        let (progress, printed) = lines(Duration::from_hours(1));
        progress.begin(2);
        for line in ["one", "two", "three"] {
            progress.doing("something");
            progress.line(line);
            progress.step(1);
        }
        drop(progress);
        assert_eq!(*printed.lock().unwrap(), ["one", "two", "three"]);
    }
}
