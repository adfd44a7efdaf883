//! Runs against a service on a network: what they are told, and what keeps them from being started.

use std::fmt;

use axum::http::StatusCode;
use toml::{Table, Value};

use crate::answer::Wrong;
use crate::{Access, Evaluator};

/// How a run is told of its evaluator.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evaluated {
    /// The address of a service; none where a process of this machine evaluates.
    pub(crate) server: Option<String>,
    /// Further arguments of `run`.
    pub(crate) arguments: Vec<String>,
    /// What tells it the token, where the service is the workbench's.
    pub(crate) access: Option<Access>,
}

impl Evaluated {
    /// An experiment is evaluated where it says, else by the service, if the workbench was started with one, which is
    /// asked first. One that a page has written takes no more threads than the service gives.
    pub(crate) fn of(
        experiment: &str,
        is_written_here: bool,
        evaluator: Option<&Evaluator>,
    ) -> Result<Self, NotStarted> {
        // What is no TOML is complained of by the run.
        let table: Table = experiment.parse().unwrap_or_default();
        let run = table.get("run").and_then(Value::as_table);
        let of_run = |key: &str| run.and_then(|run| run.get(key));
        if let Some(server) = of_run("server").and_then(Value::as_str) {
            return Ok(Self {
                server: Some(server.to_owned()),
                ..Self::default()
            });
        }
        let Some(evaluator) = evaluator else {
            return Ok(Self::default());
        };
        let access = (evaluator.check)().map_err(NotStarted::Evaluator)?;
        let threads = access.threads;
        let mut arguments = vec![];
        for (key, value) in &evaluator.settings {
            let value = Value::from(value.as_str());
            arguments.extend(["--set".to_owned(), format!("run.{key}={value}")]);
        }
        let wanted = of_run("threads").and_then(Value::as_integer);
        if is_written_here && wanted.is_some_and(|wanted| wanted > threads as i64) {
            arguments.extend(["--set".to_owned(), format!("run.threads={threads}")]);
        }
        Ok(Self {
            server: Some(evaluator.url.clone()),
            arguments,
            access: Some(access),
        })
    }
}

/// Why a run was not started.
#[derive(Debug)]
pub(crate) enum NotStarted {
    /// Something of this machine.
    Here(std::io::Error),
    /// The service does not answer, or takes nothing from here.
    Evaluator(String),
}

impl From<std::io::Error> for NotStarted {
    fn from(error: std::io::Error) -> Self {
        Self::Here(error)
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(error) => error.fmt(f),
            Self::Evaluator(problem) => write!(f, "The evaluator cannot be used. {problem}"),
        }
    }
}

impl From<NotStarted> for Wrong {
    fn from(error: NotStarted) -> Self {
        match error {
            NotStarted::Here(error) => Self::here(error),
            error @ NotStarted::Evaluator(_) => {
                Self(StatusCode::BAD_GATEWAY, vec![error.to_string()])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const TOKEN: &str = "hxp_1 https://far:8443";

    fn evaluator(answer: Result<u64, String>) -> Evaluator {
        let answer = answer.map(|threads| Access {
            threads,
            variable: ("TOKEN", TOKEN.to_owned().into()),
        });
        Evaluator {
            url: "https://far:8443".into(),
            settings: vec![
                ("server", "https://far:8443".into()),
                ("server_fingerprint", "a \"b\"".into()),
            ],
            check: Arc::new(move || answer.clone()),
        }
    }

    #[test]
    fn an_experiment_that_names_no_server_gets_the_one_of_the_workbench() {
        let far = evaluator(Ok(2));
        let of = |text: &str, is_written_here| Evaluated::of(text, is_written_here, Some(&far));
        let told = of("[run]\nthreads = 2\n", true).unwrap();
        assert_eq!(told.server.as_deref(), Some("https://far:8443"));
        assert_eq!(
            told.arguments,
            [
                "--set",
                "run.server=\"https://far:8443\"",
                "--set",
                "run.server_fingerprint='a \"b\"'"
            ]
        );
        assert_eq!(told.access.as_ref().unwrap().variable.1.as_str(), TOKEN);
        assert!(!format!("{told:?}").contains("hxp_"));
        let fewer = of("[run]\nthreads = 8\n", true).unwrap().arguments;
        assert_eq!(fewer[4..], ["--set", "run.threads=2"]);
        // Whoever writes an experiment decides for it.
        assert_eq!(
            of("[run]\nthreads = 8\n", false).unwrap().arguments.len(),
            4
        );
        let own = of("[run]\nserver = \"https://own\"\n", false).unwrap();
        assert_eq!(own.server.as_deref(), Some("https://own"));
        assert!(own.arguments.is_empty() && own.access.is_none());
    }

    #[test]
    fn nothing_is_asked_where_nothing_is_far() {
        let near = Evaluated::of("[run]\n", true, None).unwrap();
        assert!(near.server.is_none() && near.arguments.is_empty());
        let gone = evaluator(Err("nobody answers".into()));
        let problem = Evaluated::of("", true, Some(&gone)).unwrap_err();
        assert!(problem.to_string().contains("nobody answers"));
        assert_eq!(Wrong::from(problem).0, StatusCode::BAD_GATEWAY);
        Evaluated::of("[run]\nserver = \"https://own\"\n", true, Some(&gone)).unwrap();
    }
}
