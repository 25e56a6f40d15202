//! How the client reads answers, both from GHL and from something in between.

use ghl_sync_model::{Answer, Api, Call, Cause, EpochMs, GhlId, Provenance, RetryAfter};

use crate::fixtures::{Server, answer, call, client_at, failure, upsert};

#[tokio::test]
async fn a_page_of_something_on_the_way_is_no_verdict_on_the_record() {
    let page = "<html><head><title>Sign in to the network</title></head></html>";
    for status in ["301 Moved", "400 Bad Request", "404 Not Found", "405 No", "410 Gone", "413 Large", "451 Legal"] {
        for body in [page, ""] {
            let server = Server::start(vec![vec![answer(status, "content-type: text/html\r\n", body)]]).await;
            let failure = failure(call(&client_at(&server.url, Api::V2), &upsert()).await);
            assert_eq!((failure.cause, failure.sent), (Some(Cause::Gateway), true), "{status} {body}");
        }
    }
}

#[tokio::test]
async fn an_answer_for_another_location_is_no_success() {
    let theirs = r#"{"new":true,"contact":{"id":"c1","locationId":"loc2"}}"#;
    let ours = theirs.replace("loc2", "loc1");
    let server = Server::start(vec![vec![answer("200 OK", "", theirs), answer("200 OK", "", &ours)]]).await;
    let client = client_at(&server.url, Api::V2);
    let failure = failure(call(&client, &upsert()).await);
    assert_eq!((failure.status, failure.cause), (Some(200), Some(Cause::OtherLocation)));
    assert!(failure.message.contains("location loc2"), "{}", failure.message);
    assert!(call(&client, &upsert()).await.answer.is_ok());
}

#[tokio::test]
async fn a_success_that_cannot_be_read_is_unreadable_and_shows_nothing_of_the_contact() {
    let half = r#"{"contact":{"email":"ann@example.com","#;
    let long = format!(r#"{{"contact":{{"email":"ann@example.com{}"}}}}"#, "x".repeat(1024 * 1024));
    for (body, cause) in [(half, Cause::Unreadable), (long.as_str(), Cause::TooLong), ("", Cause::Unreadable)] {
        let server = Server::start(vec![vec![answer("200 OK", "", body)]]).await;
        let failure = failure(call(&client_at(&server.url, Api::V2), &upsert()).await);

        assert_eq!((failure.status, failure.sent, failure.cause), (Some(200), true, Some(cause)));
        assert!(!failure.message.contains("ann"), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_contact_that_is_too_long_by_itself_is_named_whether_listed_or_written_and_a_page_of_several_is_refused() {
    let body = format!(
        r#"{{"contacts":[{{"email":"ann@example.com{}","id":"c1","searchAfter":[1,"c1"]}}]}}"#,
        "x".repeat(3 * 1024 * 1024)
    );
    let server = Server::start(vec![vec![answer("200 OK", "", &body)], vec![answer("200 OK", "", &body)]]).await;
    let client = client_at(&server.url, Api::V2);
    let one = call(&client, &Call::ContactsPage { cursor: None, limit: 1 }).await;
    let Ok(Answer::Contacts(page)) = one.answer else { panic!("{one:?}") };
    assert_eq!(page.unread.iter().map(|long| long.id.as_ref().map(GhlId::as_str)).collect::<Vec<_>>(), [Some("c1")]);
    assert!(page.contacts.is_empty() && page.next.is_some());
    let written = r#"{"new":false,"contact":{"notes":"LONG","id":"c1"}}"#.replace("LONG", &"x".repeat(3 << 20));
    let server = Server::start(vec![vec![answer("200 OK", "", &written)]]).await;
    let reply = call(&client_at(&server.url, Api::V2), &upsert()).await;
    let id = GhlId::new("c1").unwrap();
    assert_eq!(reply.answer, Ok(Answer::ContactWritten { id, provenance: Provenance::Found, view: None }));
    let several = failure(call(&client, &Call::ContactsPage { cursor: None, limit: 100 }).await);
    assert_eq!(several.cause, Some(Cause::TooLong));
}

#[tokio::test]
async fn what_is_gone_already_is_deleted_and_what_may_not_be_deleted_is_not() {
    let gone = r#"{"message":"Contact not found for id:c1","error":"Bad Request","statusCode":400}"#;
    let answers = [
        answer("400 Bad Request", "", gone),
        answer("200 OK", "", ""),
        answer("401 Unauthorized", "", r#"{"message":"The token is not authorized for this scope."}"#),
    ];
    let server = Server::start(vec![answers.to_vec()]).await;
    let client = client_at(&server.url, Api::V2);
    let delete = Call::DeleteContact(GhlId::new("c1").unwrap());
    let reply = call(&client, &delete).await;
    assert_eq!((reply.answer, reply.status), (Ok(Answer::Deleted), Some(400)));
    assert_eq!(call(&client, &delete).await.answer, Ok(Answer::Deleted));
    let refused = failure(call(&client, &Call::DeleteTag(GhlId::new("t1").unwrap())).await);
    assert_eq!(refused.cause, Some(Cause::Forbidden));
    assert!(server.requests()[0].starts_with("DELETE /contacts/c1 HTTP/1.1\r\n"), "{:?}", server.requests());
}

#[tokio::test]
async fn a_gateway_page_becomes_its_title() {
    let page = "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>";
    let server = Server::start(vec![vec![answer("502 Bad Gateway", "content-type: text/html\r\n", page)]]).await;
    let failure = failure(call(&client_at(&server.url, Api::V2), &upsert()).await);

    assert_eq!((failure.status, failure.message.as_str()), (Some(502), "502 Bad Gateway"));
}

#[tokio::test]
async fn a_huge_error_is_read_no_further_than_it_is_useful() {
    let server = Server::start(vec![vec![answer("500 Oops", "", &"x".repeat(200_000))]]).await;
    let failure = failure(call(&client_at(&server.url, Api::V2), &upsert()).await);

    assert_eq!((failure.status, failure.message.len()), (Some(500), 1024));
}

#[tokio::test]
async fn a_quota_that_is_used_up_comes_with_the_time_to_come_back() {
    let headers = "retry-after: Sat, 21 Nov 2026 12:00:00 GMT\r\nx-ratelimit-daily-remaining: 0\r\n";
    let body = r#"{"statusCode":429,"message":"Too Many Requests"}"#;
    let server = Server::start(vec![vec![answer("429 Too Many Requests", headers, body)]]).await;
    let reply = call(&client_at(&server.url, Api::V2), &upsert()).await;

    assert_eq!(reply.quota.retry_after, Some(RetryAfter::At(EpochMs(1_795_262_400_000))));
    assert_eq!((reply.status, reply.quota.daily_remaining), (Some(429), Some(0)));
    assert_eq!(failure(reply).message, "Too Many Requests");
}
