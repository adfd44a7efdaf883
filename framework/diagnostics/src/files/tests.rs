use super::*;

#[track_caller]
fn refused(file: &Path, words: &[&str]) {
    let problem = read(file, TEXT, "try another").unwrap_err().to_string();
    for word in words.iter().chain(&["help: "]) {
        assert!(problem.contains(word), "lacks {word:?}: {problem}");
    }
}

#[test]
#[cfg(unix)]
fn files_are_written_whole_and_only_over_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write_whole(&at("deep/a"), b"one").unwrap_err();
    write_with_folders(&at("deep/a"), b"one").unwrap();
    std::os::unix::fs::symlink(at("deep/a"), at("link")).unwrap();
    write_whole(&at("link"), b"two").unwrap();
    assert_eq!(std::fs::read(at("deep/a")).unwrap(), b"two");
    assert!(at("link").is_symlink());
    for taken in [folder.path(), Path::new("/dev/null")] {
        let error = write_whole(taken, b"three").unwrap_err().to_string();
        assert!(error.contains("expected a file or nothing"), "{error}");
    }
    let left = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 2);
}

#[test]
#[cfg(unix)]
fn private_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.csv");
    write_whole(&file, b"open").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o666)).unwrap();
    write_whole_private(&file, b"secret").unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"secret");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    // A link leads nowhere: it is replaced.
    let elsewhere = folder.path().join("elsewhere");
    std::fs::write(&elsewhere, b"theirs").unwrap();
    std::fs::remove_file(&file).unwrap();
    for target in [
        elsewhere.as_path(),
        Path::new("gone"),
        Path::new("/dev/null"),
    ] {
        std::os::unix::fs::symlink(target, &file).unwrap();
        write_whole_private(&file, b"secret").unwrap();
        assert!(!file.is_symlink());
        assert_eq!(std::fs::read(&file).unwrap(), b"secret");
        std::fs::remove_file(&file).unwrap();
    }
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"theirs");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
#[cfg(unix)]
fn secrets_that_others_may_read_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "one\ntwo\n").unwrap();
    for (mode, is_taken) in [(0o600, true), (0o400, true), (0o644, false), (0o660, false)] {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        let read = read_secret_line(&file, "help");
        assert_eq!(read.is_ok(), is_taken, "{mode:o}: {read:?}");
        if let Err(problem) = read {
            assert!(problem.to_string().contains("expected 0600"), "{problem}");
            assert!(!problem.to_string().contains("one"), "{problem}");
        }
    }
}

/// Whoever finds a file finds all of it, while others still write; nothing is left beside it.
#[test]
fn files_are_written_by_several_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("below/x.csv");
    let bytes = vec![7; 1 << 20];
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                write_with_folders(&to, &bytes).unwrap();
                assert_eq!(std::fs::read(&to).unwrap(), bytes);
            });
        }
    });
    let left = std::fs::read_dir(folder.path().join("below"))
        .unwrap()
        .count();
    assert_eq!(left, 1);
}

#[test]
fn only_regular_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let words = ["cannot be read: found a folder", "expected a text file"];
    refused(folder.path(), &words);
    refused(&path("gone"), &["gone: cannot be read", "try another"]);
    std::fs::write(path("x"), "text").unwrap();
    assert_eq!(read_text(&path("x"), TEXT, "").unwrap(), "text");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("x", path("link")).unwrap();
        assert_eq!(read(&path("link"), TEXT, "").unwrap(), b"text");
        refused(Path::new("/dev/null"), &["/dev/null: ", "found a device"]);
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        refused(&path("socket"), &["found a socket"]);
        let made = std::process::Command::new("mkfifo")
            .arg(path("pipe"))
            .status();
        assert!(made.unwrap().success());
        // Who would read it would be given a text, and would not be found out otherwise.
        let pipe = path("pipe");
        std::thread::spawn(move || std::fs::write(pipe, "text"));
        refused(&path("pipe"), &["found a named pipe"]);
    }
}

#[test]
fn sizes_have_limits() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large");
    // Nothing of it is on the disk.
    let file = File::create(&path).unwrap();
    file.set_len(TEXT.most_bytes).unwrap();
    let bytes = read(&path, TEXT, "").unwrap();
    assert_eq!(bytes.len() as u64, TEXT.most_bytes);
    file.set_len(TEXT.most_bytes + 1).unwrap();
    let words = ["found 16777217 bytes", "at most 16777216", LIMIT, "1GiB"];
    refused(&path, &words);
    file.set_len(5 << 40).unwrap();
    refused(&path, &["found 5497558138880 bytes", "5121GiB"]);
}

/// What the kernel makes as it is read has no length before.
#[cfg(target_os = "linux")]
#[test]
fn files_of_unknown_length_are_read() {
    let status = read_text(Path::new("/proc/self/status"), TEXT, "").unwrap();
    assert!(status.contains("VmPeak"), "{status}");
}
