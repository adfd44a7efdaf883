//! Commands that are wrong, and programs that do not say what they are.

use super::{RUN, TASK, WINE, bring, python};
use crate::harness::{Place, experiment};

/// What is wrong with a command is bad input: it names file, line, command, what was found, and what to
/// do.
#[track_caller]
fn bad(place: &Place, scheme: &str, words: &[&str]) {
    place.write(
        "e.toml",
        experiment(WINE, TASK, &format!("[[scheme]]\n{scheme}\n{RUN}")),
    );
    for verb in ["check", "run"] {
        let outcome = place.call(&[verb, "e.toml"]);
        outcome.ends_with(2).does_not_panic().is_plain();
        for word in words
            .iter()
            .chain(&["error: e.toml:", "[[scheme]]", "\n  help: "])
        {
            assert!(outcome.err.contains(word), "lacks {word:?}\n{outcome}");
        }
    }
    assert!(!place.path("runs").exists(), "something was run");
}

#[test]
fn commands_that_are_wrong() {
    let place = Place::new();
    place.write("plain.py", "print('hello')\n");
    place.write("folder/x", "");
    for (scheme, words) in [
        (
            "command = []",
            &[
                "found no executable, expected a path or a name",
                "the executable, then",
            ][..],
        ),
        (
            "command = \"./x\"",
            &["`command`", "found \"./x\", expected a list of strings"],
        ),
        (
            "command = [\"./x\", 1]",
            &["expected a list of strings", "command = ["],
        ),
        (
            "command = [\"./absent\"]",
            &[
                "found no executable \"./absent\"",
                "from the folder of the experiment",
            ],
        ),
        (
            "command = [\"./folder\"]",
            &["found no file at ", "expected an executable"],
        ),
        (
            "command = [\"./plain.py\"]",
            &[
                "its permissions do not let it run",
                "chmod +x",
                "[\"python3\", \"./plain.py\"]",
            ],
        ),
        (
            "command = [\"plain.py\"]",
            &["in the folders of PATH", "write \"./plain.py\""],
        ),
        (
            "command = [\"no-such-program\"]",
            &["in the folders of PATH", "install it"],
        ),
        (
            "command = [\"true\"]\nuse = \"plaintext\"",
            &["found `use` and `command`, expected one of them"],
        ),
        (
            "command = [\"true\"]\nname = \"Not So\"",
            &["`name`", "found \"Not So\", expected lower-case letters"],
        ),
        (
            "command = [\"true\"]",
            &[
                "`command = [\"true\"]`",
                "the program ended with code 0",
                "docs/wire.md",
            ],
        ),
        (
            "command = [\"cat\"]",
            &["found the end of the stream", "client"],
        ),
        (
            "command = [\"sh\", \"-c\", \"exec cat\"]",
            &["found the frame `describe`, expected `described`"],
        ),
    ] {
        // The message of `cat` about a file that is not there comes first.
        let words: Vec<&str> = if scheme == "command = [\"cat\"]" {
            vec!["the program ended with code 1", "docs/wire.md"]
        } else {
            words.to_vec()
        };
        bad(&place, scheme, &words);
    }
}

#[test]
fn programs_that_do_not_say_what_they_are() {
    if !python() {
        return;
    }
    let place = Place::new();
    bring(&place, &["paillier.py", "faulty.py"]);
    let at_start = |fault: &str| format!("command = [\"./faulty.py\", \"--at-start={fault}\"]");
    for (fault, words) in [
        ("exit", &["the program ended with code 4: no licence"][..]),
        (
            "chatter",
            &["breaks the protocol: found the bytes [57, 65, 6c, 63], expected"],
        ),
        ("version", &["found version 2 of the protocol, expected 1"]),
        (
            "no-json",
            &["the manifest of the program: EOF while parsing"],
        ),
        (
            "no-name",
            &["the manifest of the program: the name is \"A b\""],
        ),
    ] {
        bad(&place, &at_start(fault), words);
    }
    // Options are checked as all others.
    let program = "command = [\"./faulty.py\"]";
    let unknown = format!("{program}\nfraction_bit = 3");
    bad(
        &place,
        &unknown,
        &[
            "unknown key `fraction_bit`",
            "did you mean `fraction_bits`?",
        ],
    );
    let beyond = format!("{program}\nfraction_bits = 300");
    bad(
        &place,
        &beyond,
        &["found 300, expected a whole number from 1 to 200"],
    );
    // Two programs of one name.
    let two =
        format!("{program}\n[[scheme]]\nlabel = \"b\"\ncommand = [\"python3\", \"faulty.py\"]");
    bad(
        &place,
        &two,
        &[
            "there already is a scheme `faulty-py`",
            "give it another `name`",
        ],
    );
}

/// Each waits for the limit, so both at once; the one whose child holds its streams when it is gone, too.
#[test]
fn programs_that_never_say_what_they_are() {
    std::thread::scope(|scope| {
        for script in ["sleep 1000; echo", "sleep 1000 & exit 0"] {
            scope.spawn(move || {
                let place = Place::new();
                let scheme = format!("[[scheme]]\ncommand = [\"sh\", \"-c\", \"{script}\"]\n");
                place.write("e.toml", experiment(WINE, TASK, &scheme));
                let outcome = place.call(&["check", "e.toml"]);
                let words = ["the program was still busy after 20s", "docs/wire.md"];
                outcome.ends_with(2).says(&words);
            });
        }
    });
}
