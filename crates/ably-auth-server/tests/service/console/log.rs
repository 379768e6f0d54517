//! Tests of the log's rows and stories.

use super::*;

#[test]
fn requests_are_listed_and_told() {
    let world = world();
    let _ = world.get("/channels/chat/messages", &basic(KEY));
    let _ = world.get("/channels/chat/messages", &basic_of(&format!("{KEY}:wrong")));
    let page = get(&world, "log");
    let rows = page["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &page["first"], &page["last"], &page["more"]), (2, &json!(1), &json!(2), &json!(false)));
    assert_eq!(
        (&rows[0]["outcome"], &rows[1]["outcome"], &rows[1]["code"]),
        (&json!("granted"), &json!("refused"), &json!(40101))
    );
    let story = get(&world, "log/2");
    assert_eq!(story["row"]["seq"], 2);
    assert!(story["checks"].as_array().unwrap().iter().any(|check| check["result"] == "failed"), "{story}");
    for wrong in ["3", "0", "x", "-1"] {
        assert_eq!(world.send(Request::get(api(&format!("log/{wrong}"))), "").code(), (404, 40400), "{wrong}");
    }
}

#[test]
fn pages_and_filters_select_rows() {
    let world = world();
    for nth in 0..10 {
        let _ = world.get(&format!("/channels/chat:{}/messages", nth % 2), &basic(KEY));
    }
    let numbers = |query: &str| -> (Vec<u64>, bool) {
        let page = get(&world, &format!("log?{query}"));
        let rows = page["rows"].as_array().unwrap().iter().map(|row| row["seq"].as_u64().unwrap()).collect();
        (rows, page["more"].as_bool().unwrap())
    };
    assert_eq!(numbers("limit=2"), (vec![9, 10], true));
    assert_eq!(numbers("limit=2&before=3"), (vec![1, 2], false));
    assert_eq!(numbers("limit=2&after=3"), (vec![4, 5], true));
    assert_eq!(numbers("channel=chat:1&limit=3"), (vec![6, 8, 10], true));
    assert_eq!(numbers("channel=chat:*&outcome=refused"), (vec![], false));
    for wrong in ["limit=0", "limit=1001", "limit=x", "after=1&before=2", "kind=x"] {
        assert_eq!(world.send(Request::get(api(&format!("log?{wrong}"))), "").code().0, 400, "{wrong}");
    }
}

#[test]
fn cleared_log_goes_on_with_later_numbers() {
    let world = world();
    let _ = world.get("/channels/a", &basic(KEY));
    assert_eq!(world.send(Request::delete(api("log")), "").status, 204);
    assert_eq!(get(&world, "log")["rows"], json!([]));
    let _ = world.get("/channels/a", &basic(KEY));
    assert_eq!(get(&world, "log")["rows"][0]["seq"], 2);
}

#[test]
fn console_does_not_log_itself() {
    let world = world();
    let _ = get(&world, "overview");
    let _ = post(&world, "inspect", &json!({ "text": "x" }));
    assert_eq!(get(&world, "log")["rows"], json!([]));
}

#[test]
fn log_survives_reset_and_has_a_limit() {
    let limits = |limits: &mut Limits| limits.console_bytes = 20_000;
    let mut of_world = Limits::default();
    limits(&mut of_world);
    let world = World::new().with_service(|builder| builder.console(true).limits(of_world));
    for _ in 0..100 {
        let _ = world.get("/channels/a", &basic(KEY));
    }
    let journal = get(&world, "overview")["service"]["journal"].clone();
    assert!(journal["bytes"].as_u64().unwrap() <= 20_000, "{journal}");
    assert!((5..100).contains(&journal["rows"].as_u64().unwrap()), "{journal}");
    assert_eq!(post(&world, "reset", &json!({})).status, 204);
    assert_eq!(get(&world, "log")["last"], 100);
}

#[test]
fn stream_without_socket_is_the_backlog() {
    let world = world();
    for _ in 0..250 {
        let _ = world.get("/channels/a", &basic(KEY));
    }
    let stream = |query: &str| world.send(Request::get(api(&format!("log/stream{query}"))), "");
    let all = stream("?after=0");
    assert_eq!(all.header("content-type"), "text/event-stream");
    assert!(all.text().starts_with("retry: 1000\n\nid: 250\nevent: rows\ndata: {\"rows\":["), "{}", &all.text()[..100]);
    assert_eq!(all.text().matches("\"seq\":").count(), 200);
    assert!(all.text().ends_with("],\"skipped\":50}\n\n"));
    assert_eq!(stream("").text(), "retry: 1000\n\n", "only later rows");
    assert!(stream("?after=249").text().contains("\"seq\":250"));
    let resumed = world.send(Request::get(api("log/stream?after=0")).header("Last-Event-ID", "248"), "");
    assert_eq!(resumed.text().matches("\"seq\":").count(), 2, "the id of the last event has precedence");
    assert_eq!(stream("?after=9999").text().matches("\"seq\":").count(), 200, "the number is of another run");
    assert_eq!(stream("?after=0&outcome=refused").text(), "retry: 1000\n\n");
}
