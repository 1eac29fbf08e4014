//! How the API ends, and where it may not begin.

use std::net::{TcpListener, TcpStream};

use serde_json::json;
use timeline::types::Code;

use crate::support::{Others, done, loopback, refused_to_listen, serve};

#[test]
fn stop_is_answered_and_then_the_node_ends() {
    let mut server = serve(Others::None);
    assert_eq!(done(server.post("/stop", &json!({}))), json!({ "stopping": true }));
    server.ended();
    assert!(TcpStream::connect(server.addr).is_err(), "somebody still listens");
    TcpListener::bind(server.addr).expect("the port is free");
}

#[test]
fn the_end_of_the_node_ends_event_streams() {
    let mut server = serve(Others::None);
    server.register("alice");
    let mut events = server.events();
    done(server.post("/posts", &json!({ "text": "still here" })));
    assert_eq!(events.next().expect("an event").1["post"]["text"], "still here");
    server.end();
    assert_eq!(events.next(), None);
    server.ended();
}

#[test]
fn a_taken_port_and_an_open_address_are_refused() {
    let taken = TcpListener::bind(loopback()).expect("a port");
    let check = |listen, code| assert_eq!(refused_to_listen(listen), code);
    check(taken.local_addr().expect("bound"), Code::PortInUse);
    check("0.0.0.0:0".parse().expect("an address"), Code::BadConfig);
}
