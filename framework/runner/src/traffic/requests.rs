//! What crosses between a client and a service on a network: a line for each request, and one for its answer. Their
//! bytes are those of the connection, TLS and heads included; kinds are those of frames, where they mean the same.

use hexperiment_service::client::{Crossed, Observer, Passed};
use serde_json::{Value, json};

use super::{Line, Lines, Recorder};

impl Observer for Recorder {
    fn crossed(&self, crossed: &Crossed<'_>) {
        if crossed.up.bytes == 0 {
            return; // nobody was reached
        }
        let path = crossed.path.split('?').next().unwrap_or_default();
        let request = format!("{} {path}", crossed.method);
        let (asked, answered) = kinds(crossed.method, path, crossed.status);
        let mut lines = self.lines();
        lines.pass("server", asked, &crossed.up, json!({ "request": request }));
        if crossed.down.bytes > 0 {
            let is_good = crossed
                .status
                .is_some_and(|status| (200..300).contains(&status));
            let kind = if is_good { answered } else { "problem" };
            let head = json!({ "request": request, "status": crossed.status });
            lines.pass("client", kind, &crossed.down, head);
        }
    }
}

impl Lines {
    fn pass(&mut self, to: &'static str, kind: &str, passed: &Passed, head: Value) {
        let since = |at: std::time::Instant| {
            let since = at.saturating_duration_since(self.began);
            since.as_nanos() as u64
        };
        let (began_ns, ended_ns) = (since(passed.began), since(passed.ended));
        self.put(Line {
            to,
            kind,
            bytes: passed.bytes,
            body_bytes: passed.body_bytes,
            began_ns,
            ended_ns,
            head,
            sample: &passed.first_bytes,
            digest: None,
        });
    }
}

/// What a request and its answer are, in the words of frames.
fn kinds(method: &str, path: &str, status: Option<u16>) -> (&'static str, &'static str) {
    let mut parts = path.split('/').skip(2); // the first two are empty and `v1`
    let (of, last) = (parts.next().unwrap_or_default(), parts.last());
    match (method, of, last) {
        ("GET", "service", _) => ("hello", "hello"),
        ("POST", "programs", None) => ("compile", "registered"),
        ("POST", "programs", Some("keys")) => ("keys", "stored"),
        ("GET", "programs", _) => ("wait", "compiled"),
        ("POST", "keys", Some("ciphertexts")) => ("ciphertexts", "stored"),
        // A job that is waited for is answered when it is done.
        ("POST", "jobs", _) if status == Some(200) => ("evaluate", "evaluated"),
        ("POST", "jobs", _) => ("evaluate", "queued"),
        ("GET", "jobs", _) => ("wait", "evaluated"),
        ("GET", "ciphertexts", Some("bytes")) => ("download", "results"),
        ("DELETE", ..) => ("discard", "discarded"),
        _ => ("request", "answer"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn passed(bytes: u64, first: &[u8]) -> Passed {
        Passed {
            bytes,
            body_bytes: bytes / 2,
            first_bytes: first.to_vec(),
            began: Instant::now(),
            ended: Instant::now() + Duration::from_millis(3),
        }
    }

    #[test]
    fn requests_are_told_of_as_frames_are() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cell.jsonl");
        let recorder = Recorder::create(&file, "cell").unwrap();
        let crossed = |method, path, status, up: Passed, down: Passed| {
            recorder.crossed(&Crossed {
                method,
                path,
                status,
                up,
                down,
            });
        };
        let (some, none) = (passed(100, &[]), passed(0, &[]));
        crossed("GET", "/v1/service", None, none.clone(), none.clone());
        crossed(
            "POST",
            "/v1/programs/p/keys?keep=5",
            Some(422),
            passed(900, &[]),
            some.clone(),
        );
        let up = passed(1000, &[0xab; 3]);
        crossed(
            "POST",
            "/v1/keys/k/ciphertexts",
            Some(201),
            up,
            some.clone(),
        );
        crossed("POST", "/v1/jobs", None, some.clone(), none);
        for status in [202, 200] {
            let path = "/v1/jobs?wait=30";
            crossed("POST", path, Some(status), some.clone(), some.clone());
        }
        let down = passed(700, &[0xcd; 2]);
        crossed("GET", "/v1/ciphertexts/c/bytes", Some(200), some, down);
        let text = std::fs::read_to_string(file).unwrap();
        let lines: Vec<Value> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        let told: Vec<_> = lines[1..]
            .iter()
            .map(|line| {
                let word = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
                (
                    word("kind"),
                    word("to"),
                    line["bytes"].as_u64().unwrap(),
                    word("first_bytes"),
                )
            })
            .collect();
        let of = |kind: &str, to: &str, bytes, first: &str| {
            (kind.to_owned(), to.to_owned(), bytes, first.to_owned())
        };
        assert_eq!(
            told,
            [
                of("keys", "server", 900, ""),
                of("problem", "client", 100, ""),
                of("ciphertexts", "server", 1000, "ababab"),
                of("stored", "client", 100, ""),
                of("evaluate", "server", 100, ""),
                of("evaluate", "server", 100, ""),
                of("queued", "client", 100, ""),
                of("evaluate", "server", 100, ""),
                of("evaluated", "client", 100, ""),
                of("download", "server", 100, ""),
                of("results", "client", 700, "cdcd"),
            ]
        );
        assert_eq!(lines[1]["head"]["request"], "POST /v1/programs/p/keys");
        assert_eq!(lines[2]["head"]["status"], 422);
        assert!(lines[1]["began_ns"].as_u64().unwrap() < lines[1]["ended_ns"].as_u64().unwrap());
    }
}
