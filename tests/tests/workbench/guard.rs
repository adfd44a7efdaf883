//! Who is let in, asked by hand: what no browser would send is sent, too.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::started::Started;

/// The answer to a request, whole.
fn ask(started: &Started, request: &str) -> String {
    let mut stream = TcpStream::connect(&started.host).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // A server that refuses a body may close before it has read it.
    let _ = stream.read_to_string(&mut answer);
    answer
}

pub fn get(started: &Started, path: &str, host: &str, more: &str) -> String {
    ask(
        started,
        &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{more}\r\n"),
    )
}

pub fn post(started: &Started, path: &str, more: &str, body: &str) -> String {
    let (host, length) = (&started.host, body.len());
    ask(
        started,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{more}\r\n{body}"
        ),
    )
}

#[track_caller]
pub fn is(answer: &str, status: &str) {
    assert!(
        answer.starts_with(&format!("HTTP/1.1 {status}")),
        "want {status}: {answer}"
    );
}

#[test]
fn nobody_comes_in_without_the_token() {
    let started = Started::new(&[]);
    let own = started.host.clone();
    let port = own.rsplit_once(':').unwrap().1;
    is(&get(&started, "/", &own, ""), "303");
    is(&get(&started, "/assets/page.css", &own, ""), "200");
    is(&get(&started, "/jobs/0/events", &own, ""), "303");
    // A name that was made to point here.
    for host in ["evil.example", "127.0.0.1", &format!("evil.example:{port}")] {
        is(&get(&started, "/login", host, ""), "421");
    }
    is(
        &post(&started, "/uploads/sensors?name=x.csv", "", "a,b\n1,2\n"),
        "401",
    );
    is(
        &get(&started, "/", &own, "Cookie: hexperiment=1\r\n"),
        "303",
    );

    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    is(&post(&started, "/login", form, "token=wrong"), "403");
    let evil = format!("{form}Origin: http://evil.example\r\n");
    is(
        &post(
            &started,
            "/login",
            &evil,
            &format!("token={}", started.token),
        ),
        "403",
    );
    let answer = post(
        &started,
        "/login",
        form,
        &format!("token={}", started.token),
    );
    is(&answer, "303");
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let page = get(&started, "/", &own, &cookie);
    is(&page, "200");
    let policy = page
        .lines()
        .find_map(|line| line.strip_prefix("content-security-policy: "))
        .unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("-inline"),
        "{policy}"
    );
    assert!(
        !page.contains("<style") && !page.contains("style=\""),
        "{page}"
    );
    for script in page.split("<script").skip(1) {
        assert!(script.starts_with(" src=\"/assets/"), "{script}");
    }

    // With the cookie, but from another page, or without the token of its pages.
    let upload = "/uploads/sensors?name=x.csv";
    is(&post(&started, upload, &cookie, "a,b\n1,2\n"), "403");
    is(
        &post(
            &started,
            upload,
            &format!("{cookie}X-CSRF-Token: 0\r\n"),
            "a,b\n1,2\n",
        ),
        "403",
    );
    let csrf = page
        .split("name=\"csrf\" content=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let knows = format!("{cookie}X-CSRF-Token: {csrf}\r\n");
    is(
        &post(
            &started,
            upload,
            &format!("{knows}Sec-Fetch-Site: cross-site\r\n"),
            "a,b\n1,2\n",
        ),
        "403",
    );
    let answer = post(&started, upload, &knows, "a,b\n1,2\n3,\n");
    is(&answer, "200");
    assert!(answer.contains("/sensors/"), "{answer}");
}

/// Who opens connections and says nothing keeps nobody out, and is not kept.
#[test]
fn idle_connections_give_way() {
    let started = Started::new(&[]);
    let idle: Vec<TcpStream> = (0..1100)
        .map(|_| TcpStream::connect(&started.host).unwrap())
        .collect();
    let begun = std::time::Instant::now();
    is(&get(&started, "/login", &started.host, ""), "200");
    assert!(begun.elapsed() < std::time::Duration::from_secs(20));
    let mut closed = 0;
    for mut stream in idle {
        stream
            .set_read_timeout(Some(std::time::Duration::from_millis(1)))
            .unwrap();
        closed += usize::from(match stream.read(&mut [0]) {
            Ok(count) => count == 0,
            Err(e) => e.kind() == std::io::ErrorKind::ConnectionReset,
        });
    }
    assert!(closed >= 800, "{closed}");
    // A head without end is not read to its end.
    let mut stream = TcpStream::connect(&started.host).unwrap();
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nx: {}", "a".repeat(1 << 20)).as_bytes());
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
}

/// The processes that a process has started, and theirs.
#[cfg(target_os = "linux")]
fn below(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    let is_child = |id: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let parent_of = stat
            .rsplit(") ")
            .next()
            .and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
        parent_of == Some(parent)
    };
    let own: Vec<u32> = ids.filter(is_child).collect();
    let theirs: Vec<u32> = own.iter().flat_map(|id| below(*id)).collect();
    [own, theirs].concat()
}

/// A workbench that is killed leaves no run behind, which would go on for nobody.
#[test]
#[cfg(target_os = "linux")]
fn a_killed_workbench_leaves_no_run() {
    let mut started = Started::new(&[]);
    let knows = log_in(&started);
    let rows: String = (0..400).fold("a,b,y\n".to_owned(), |text, row| {
        format!("{text}{},{},{}\n", row % 7, row % 5, row % 2)
    });
    let answer = post(&started, "/uploads/tables?name=x.csv", &knows, &rows);
    is(&answer, "200");
    let page = answer
        .split("\"go\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let asked = r#"{"target":"y","task":"logistic-regression","missing":"median","marker":"","model":"train","share":"0.9","scheme":"tfhe"}"#;
    let json = format!("{knows}Content-Type: application/json\r\n");
    is(&post(&started, &format!("{page}/run"), &json, asked), "200");
    let id = started.id();
    let wait = |what: &str, so: &dyn Fn() -> bool| {
        let begun = std::time::Instant::now();
        while !so() {
            assert!(
                begun.elapsed() < std::time::Duration::from_secs(30),
                "{what}"
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    };
    wait("a cell is started", &|| below(id).len() >= 2);
    let all = below(id);
    started.kill();
    let lives = |id: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // One that nobody has waited for is dead all the same.
        !stat.is_empty() && !stat.contains(") Z ")
    };
    wait("its processes end", &|| !all.iter().any(lives));
}

/// Headers of a session.
fn log_in(started: &Started) -> String {
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let answer = post(started, "/login", form, &format!("token={}", started.token));
    let set = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "));
    let cookie = format!("Cookie: {}\r\n", set.unwrap().split(';').next().unwrap());
    let page = get(started, "/", &started.host, &cookie);
    let csrf = page.split("name=\"csrf\" content=\"").nth(1).unwrap();
    format!(
        "{cookie}X-CSRF-Token: {}\r\n",
        csrf.split('"').next().unwrap()
    )
}

#[test]
fn uploads_have_a_limit() {
    let started = Started::new(&["--max-upload", "1KiB"]);
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let answer = post(
        &started,
        "/login",
        form,
        &format!("token={}", started.token),
    );
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    let cookie = format!("Cookie: {}\r\n", cookie.split(';').next().unwrap());
    let page = get(&started, "/", &started.host, &cookie);
    let csrf = page
        .split("name=\"csrf\" content=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let knows = format!("{cookie}X-CSRF-Token: {csrf}\r\n");
    let rows = "a,b\n".to_owned() + &"1,2\n".repeat(400);
    let answer = post(&started, "/uploads/sensors?name=x.csv", &knows, &rows);
    is(&answer, "413");
    assert!(answer.contains("--max-upload"), "{answer}");
    // Nor may it grow while it comes, whatever was announced.
    let chunked = format!("Transfer-Encoding: chunked\r\n{knows}");
    let host = &started.host;
    let request = format!(
        "POST /uploads/sensors?name=x.csv HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{chunked}\r\n{:x}\r\n{rows}\r\n0\r\n\r\n",
        rows.len()
    );
    is(&ask(&started, &request), "413");
    let scratch = std::fs::read_dir(started.folder.path()).unwrap().flatten();
    let scratch = scratch
        .map(|e| e.path())
        .find(|p| p.display().to_string().contains("hexperiment-workbench-"))
        .unwrap();
    assert_eq!(
        std::fs::read_dir(scratch).unwrap().count(),
        0,
        "what was refused is not kept"
    );
}

/// Where a page goes on after a model of its own was dropped, is said in the address, and leads to no other host.
#[test]
fn nobody_is_led_elsewhere() {
    let started = Started::new(&[]);
    let knows = log_in(&started);
    let model = r#"{"clip":5.0,"intercept":1.0,"threshold":0.0,"sensors":[{"name":"a","unit":{"centre":0.0,"width":1.0},"mean":0.0,"deviation":1.0,"weight":1.0}]}"#;
    let upload = |then: &str| {
        let path = format!("/uploads/model?name=model.json{then}");
        post(&started, &path, &knows, model)
    };
    for (then, path) in [
        ("", "/"),
        (
            "&then=%2Fsensors%2F0123456789abcdef",
            "/sensors/0123456789abcdef",
        ),
    ] {
        let answer = upload(then);
        is(&answer, "200");
        let goes = format!("\"go\":\"{path}?model=");
        assert!(answer.contains(&goes), "{answer}");
    }
    for elsewhere in [
        "%2F%5Cevil.example",
        "%2F%2Fevil.example",
        "%2F%09%2Fevil.example",
        "https%3A%2F%2Fevil.example",
        "%2Fsensors%2F%5Cevil.example",
        "%2Ffleet",
    ] {
        let answer = upload(&format!("&then={elsewhere}"));
        is(&answer, "422");
        assert!(
            answer.contains("expected the page of an upload") && !answer.contains("\"go\""),
            "{answer}"
        );
    }
}
