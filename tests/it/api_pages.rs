//! The HTTP API: the dashboard page and the OpenAPI document.

use reqwest::Method;

use crate::caller::Caller;
use crate::deployment::Deployment;

async fn start() -> (Deployment, Caller) {
    let deployment = Deployment::start().await;
    let caller = Caller::of(&deployment).await;
    (deployment, caller)
}

#[tokio::test]
async fn the_dashboard_runs_only_what_came_with_it() {
    let (_deployment, caller) = start().await;
    let page = caller.get("/dashboard").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    for (tag, rule) in [("style", "style-src"), ("script", "script-src")] {
        let (_, rest) = page.text.split_once(&format!("<{tag}")).unwrap();
        let (content, _) = rest.split_once('>').unwrap().1.split_once(&format!("</{tag}>")).unwrap();
        let hash = sha256_base64(content);
        assert!(policy.contains(&format!("{rule} 'sha256-{hash}'")), "{tag}: {hash} is not in {policy}");
    }
}

fn sha256_base64(text: &str) -> String {
    use base64::Engine;
    use sha2::Digest;
    base64::prelude::BASE64_STANDARD.encode(sha2::Sha256::digest(text))
}

#[tokio::test]
async fn the_openapi_document_names_the_paths_that_there_are() {
    let (_deployment, caller) = start().await;
    let document = caller.get("/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 54);
    for (path, methods) in paths {
        let parameters = [
            ("location_id", "loc_demo"),
            ("kind", "contact"),
            ("record_id", "a"),
            ("migration_id", "mig-a"),
            ("name", "crm"),
            ("run", "r"),
            ("part", "0"),
            ("import_id", "x"),
            ("list", "a.csv"),
            ("key_id", "0"),
        ];
        let path =
            parameters.iter().fold(path.clone(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
        for method in methods.as_object().unwrap().keys() {
            let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = caller.with_body(method.clone(), &path, "application/json", "").await;
            let unrouted = answer.status == 405 || answer.text.contains("urn:ghl-sync:not-found");
            assert!(!unrouted, "{method} {path}: {answer:?}");
        }
    }
}
