//! Tokens as they are written down, and where they may go: a token is told to a service that its owner names, and to none
//! that only a file names.

use hexperiment_diagnostics::printable;

use super::endpoint::address;
use crate::token::Token;

/// A token as somebody has written it down: with the address of the service that it is for behind it, or alone.
#[derive(Clone, Debug)]
pub struct GivenToken {
    token: Token,
    server: Option<String>,
}

/// Who says where a token is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamedBy {
    /// Whoever has the token, as on the command line.
    Owner,
    /// A file, which may be of somebody else's.
    File,
}

impl GivenToken {
    /// What a text holds: `hxp_…`, or `hxp_… https://HOST:PORT`.
    ///
    /// # Errors
    /// It is neither; the words do not repeat it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let token = Token::parse(words.next().unwrap_or_default())?;
        let server = words.next().map(address).transpose();
        let server = server.map_err(|e| format!("behind the token: {e}"))?;
        if words.next().is_some() {
            return Err(
                "found more than a token and the address of its service, expected no more".into(),
            );
        }
        Ok(Self { token, server })
    }

    /// The token, for the service at this address. One that was given for another service is not handed out, nor is one
    /// that was given for none where a file names the service.
    ///
    /// # Errors
    /// It is not for this service, or does not say so.
    pub fn for_service(self, url: &str, named_by: NamedBy) -> Result<Token, String> {
        // What is no address is the address's own complaint.
        let url = url.trim_end_matches('/');
        let shown = printable::line(url);
        match (self.server, named_by) {
            (Some(server), _) if !server.eq_ignore_ascii_case(url) => Err(format!(
                "found a token for {}, expected one for {shown}: it goes to no other service",
                printable::line(&server)
            )),
            (None, NamedBy::File) => Err(format!(
                "found a token alone, expected `hxp_… {shown}`: a file names the service {shown}, and no file decides \
                 where a token goes; if the token is for that service, write its address behind the token"
            )),
            _ => Ok(self.token),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_where_their_owner_says() {
        let token = Token::fresh().unwrap();
        let bare = token.reveal().to_owned();
        let bound = format!(" {bare}  https://a.example:8443/\n");
        let check = |text: &str, url: &str, named_by: NamedBy, problem: Option<&str>| {
            let found = GivenToken::parse(text).unwrap().for_service(url, named_by);
            match (found, problem) {
                (Ok(found), None) => assert_eq!(found.hash(), token.hash()),
                (Err(found), Some(problem)) => {
                    assert!(found.contains(problem) && !found.contains(&bare), "{found}");
                }
                (found, problem) => panic!("{found:?}, expected {problem:?}"),
            }
        };
        let (a, b) = ("https://a.example:8443", "https://b.example:8443");
        check(&bare, a, NamedBy::Owner, None);
        check(&bare, a, NamedBy::File, Some("no file decides"));
        for named_by in [NamedBy::Owner, NamedBy::File] {
            check(&bound, a, named_by, None);
            check(&bound, "https://A.example:8443/", named_by, None);
            check(
                &bound,
                b,
                named_by,
                Some("found a token for https://a.example:8443, expected one for https://b"),
            );
            check(
                &bound,
                "https://a.example",
                named_by,
                Some("it goes to no other"),
            );
        }
        for wrong in [
            String::new(),
            format!("https://a.example {bare}"),
            format!("{bare} a.example"),
            format!("{bare} http://a.example"),
            format!("{bare} https://a.example https://b.example"),
        ] {
            let problem = GivenToken::parse(&wrong).unwrap_err();
            assert!(
                problem.contains("expected") && !problem.contains(&bare),
                "{problem}"
            );
        }
    }
}
