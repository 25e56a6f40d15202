//! Limits, and their headers.

use std::collections::HashMap;

use serde_json::json;

use super::*;
use crate::sandbox::RetryAfterMode;

fn tight() -> SandboxOptions {
    SandboxOptions { limit: 5, ..options() }
}

fn quota(response: &Response) -> HashMap<&str, u64> {
    let value = |value: &reqwest::header::HeaderValue| value.to_str().ok()?.parse().ok();
    response.headers().iter().filter_map(|(name, it)| Some((name.as_str(), value(it)?))).collect()
}

#[tokio::test]
async fn a_burst_beyond_the_limit_is_refused_and_counted() {
    let it = Examination::begin(tight()).await;
    let calls = (0..8).map(|_| it.get("/contacts/x"));
    let answers = futures::future::join_all(calls).await;
    let refused: Vec<&Said> = answers.iter().filter(|(status, _)| *status == 429).collect();
    assert_eq!(refused.len(), 3);
    assert!(refused.iter().all(|(_, body)| *body == json!({"statusCode": 429, "message": "Too Many Requests"})));
    let stats = it.sandbox.stats();
    assert_eq!((stats.calls, stats.breaches, stats.status_429, stats.status_other), (8, 3, 3, 5));
    assert_eq!((stats.max_in_any_window, stats.limit, stats.window_ms), (8, 5, 10_000));
}

#[tokio::test]
async fn a_window_that_is_over_is_forgotten() {
    let it = Examination::begin(SandboxOptions { limit: 1, window: Duration::from_millis(300), ..options() }).await;
    it.get("/contacts/x").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(it.get("/contacts/x").await.0, 400);
    assert_eq!(it.sandbox.stats().max_in_any_window, 1);
}

#[tokio::test]
async fn each_location_has_a_limit_of_its_own() {
    let it = Examination::begin(tight()).await;
    for _ in 0..5 {
        it.get("/contacts/x").await;
    }
    let url = format!("{}/contacts/x", it.sandbox.url());
    let theirs = it.client.get(url).bearer_auth(OTHER_TOKEN).header("Version", "2021-07-28");
    assert_eq!(theirs.send().await.expect("an answer").status(), 400);
    assert_eq!(it.sandbox.stats().max_in_any_window, 5);
    assert_eq!(it.sandbox.stats().breaches, 0);
}

#[tokio::test]
async fn every_answer_tells_the_quota_and_none_when_to_come_back() {
    let it = Examination::begin(SandboxOptions { limit: 2, daily_limit: 50, ..options() }).await;
    for (path, status, remaining) in [("/nowhere", 404, 1), ("/contacts/x", 400, 0), ("/contacts/x", 429, 0)] {
        let response = it.request(Method::GET, path).send().await.expect("an answer");
        assert_eq!(response.status(), status);
        let quota = quota(&response);
        assert_eq!(quota["x-ratelimit-max"], 2);
        assert_eq!(quota["x-ratelimit-remaining"], remaining);
        assert_eq!(quota["x-ratelimit-interval-milliseconds"], 10_000);
        assert_eq!(quota["x-ratelimit-limit-daily"], 50);
        assert_eq!(quota["x-ratelimit-daily-remaining"], 48 + remaining);
        assert!((86_300_000..=86_400_000).contains(&quota["x-ratelimit-daily-reset"]));
        assert!(!quota.contains_key("retry-after"));
    }
}

#[tokio::test]
async fn the_daily_limit_refuses_until_the_day_is_over() {
    let it =
        Examination::begin(SandboxOptions { daily_limit: 1, retry_after: RetryAfterMode::Seconds, ..options() }).await;
    it.get("/contacts/x").await;
    let response = it.request(Method::GET, "/contacts/x").send().await.expect("an answer");
    assert_eq!(response.status(), 429);
    let quota = quota(&response);
    assert_eq!(quota["x-ratelimit-daily-remaining"], 0);
    assert!((86_300..=86_400).contains(&quota["retry-after"]));
}

#[tokio::test]
async fn concurrency_is_told_at_its_peak() {
    let latency = Duration::from_millis(200)..=Duration::from_millis(200);
    let it = Examination::begin(SandboxOptions { latency, ..options() }).await;
    futures::future::join_all((0..4).map(|_| it.get("/contacts/x"))).await;
    it.get("/contacts/x").await;
    assert_eq!(it.sandbox.stats().max_concurrent, 4);
}

#[tokio::test]
async fn the_statistics_are_served_without_a_token_and_uncounted() {
    let it = Examination::begin(options()).await;
    it.contact(json!({"email": "a@example.com"})).await;
    let url = format!("{}/_sandbox/stats", it.sandbox.url());
    let stats: crate::sandbox::Stats = it.client.get(url).send().await.expect("an answer").json().await.expect("stats");
    assert_eq!(stats, it.sandbox.stats());
    assert_eq!((stats.calls, stats.ok, stats.contacts), (1, 1, 1));
    assert!(stats.first_call_ms <= stats.last_answer_ms);

    assert_eq!(it.post("/_sandbox/reset", json!({})).await.0, 200);
    let stats = it.sandbox.stats();
    assert_eq!((stats.calls, stats.contacts, stats.first_call_ms), (0, 0, None));
}
