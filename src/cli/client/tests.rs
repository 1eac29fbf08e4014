//! Tests of the client against prepared answers on real sockets.

use std::io::{BufRead, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::*;

/// A server that answers each connection with one prepared text, and hands on what was asked.
fn server(answers: Vec<String>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for answer in answers {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let asked = request(&stream);
            let _ = sender.send(asked);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (url, receiver)
}

fn request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut text = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a request");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a number");
        }
        text.push_str(&line);
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    text + &String::from_utf8(body).expect("text")
}

fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}

fn client(url: &str) -> Client {
    Client::new(url, "secret", Duration::from_secs(5))
}

#[test]
fn a_request_carries_token_query_and_patience() {
    let (url, asked) = server(vec![answer("200 OK", "{\"posts\":[]}"), answer("200 OK", "{\"id\":\"ab\"}")]);
    let feed = client(&url).get("/feed", &[("limit", "5"), ("cursor", "a b&c")]).expect("an answer");
    assert_eq!(feed, json!({ "posts": [] }));
    let request = asked.recv().expect("a request");
    assert!(request.starts_with("GET /api/v1/node/feed?limit=5&cursor=a%20b%26c HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Bearer secret\r\n"), "{request}");

    client(&url).post("/posts", json!({ "text": "hi" })).expect("an answer");
    let request = asked.recv().expect("a request");
    assert!(request.starts_with("POST /api/v1/node/posts HTTP/1.1\r\n"), "{request}");
    assert!(request.ends_with("{\"text\":\"hi\",\"timeout_ms\":5000}"), "{request}");
}

#[test]
fn a_refusal_becomes_the_problem_it_names() {
    let body = r#"{"error":{"code":"name_taken","message":"taken","hint":"another"}}"#;
    let (url, _asked) = server(vec![answer("409 Conflict", body)]);
    let problem = client(&url).get("/whoami", &[]).expect_err("refused");
    assert_eq!(problem, Problem::new(Code::NameTaken, "taken").hint("another"));
}

#[test]
fn what_is_no_answer_of_ours_is_said_to_be_that() {
    for (status, body) in [("200 OK", "<html>"), ("200 OK", "[]"), ("404 Not Found", "nope"), ("302 Found", "")] {
        let (url, _asked) = server(vec![answer(status, body)]);
        let problem = client(&url).get("/status", &[]).expect_err("no answer");
        assert_eq!(problem.code, Code::Internal, "{status} {body}");
    }
}

#[test]
fn nobody_listening_is_no_node() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    assert_eq!(client(&url).get("/status", &[]).map_err(|problem| problem.code), Err(Code::NoNode));
    // Someone who hangs up without a word is no node either.
    let (url, _asked) = server(vec![String::new()]);
    assert_eq!(client(&url).get("/status", &[]).map_err(|problem| problem.code), Err(Code::NoNode));
}

#[test]
fn a_node_that_is_silent_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let client = Client { agent: short_agent(), ..client(&url) };
    assert_eq!(client.get("/status", &[]).map_err(|problem| problem.code), Err(Code::Unreachable));
}

fn short_agent() -> Agent {
    base().timeout_global(Some(Duration::from_millis(100))).build().new_agent()
}

#[test]
fn events_arrive_one_by_one_until_the_node_stops() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let (url, asked) = server(vec![format!("{head}: hi\n\nevent: post\ndata: {{\"post\":{{}}}}\n\n")]);
    let client = client(&url);
    let mut events = client.events().expect("a stream");
    let event = events.next_event().expect("readable").expect("an event");
    assert_eq!((event.name.as_str(), event.data.as_str()), ("post", "{\"post\":{}}"));
    assert_eq!(events.next_event().expect("readable"), None);
    assert!(asked.recv().expect("a request").contains("accept: text/event-stream"));
    assert_eq!(client.stream_ended(None).code, Code::NoNode);
}

#[test]
fn a_refused_stream_is_a_problem() {
    let body = r#"{"error":{"code":"not_logged_in","message":"nobody","hint":null}}"#;
    let (url, _asked) = server(vec![answer("401 Unauthorized", body)]);
    assert_eq!(client(&url).events().err().map(|problem| problem.code), Some(Code::NotLoggedIn));
}
